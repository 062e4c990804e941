// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <dlfcn.h>
#include <optional>
#include <span>
#include <string>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

/// Counts the locked instructions in a stretch of code by single-stepping the code in a child process. Locked
/// instructions are those with a LOCK prefix, and XCHG with a memory operand, which locks without a prefix.
/// Works only on x86-64.
///
///     coil::bench::traced_child child([] {
///         coil::bench::mark();
///         counter.fetch_add(1);
///         coil::bench::mark();
///     });
///     while (auto stretch = child.next())
///         print(stretch->instructions, stretch->locked.size());
///
/// glibc and libstdc++ omit the LOCK prefix while the process has only one thread, so the child should start
/// a second thread.

namespace coil::bench {

#ifdef __x86_64__
inline constexpr bool can_single_step = true;
/// Marks the beginning or the end of a stretch.
[[gnu::always_inline]] inline void mark() noexcept { asm volatile("int3" ::: "memory"); }
#else
inline constexpr bool can_single_step = false;
inline void mark() noexcept {}
#endif

/// The instructions that were executed between two marks.
struct stretch {
    unsigned long long instructions = 0;
    std::vector<std::uintptr_t> locked;  // addresses of the locked instructions
};

/// Returns true if this instruction locks memory.
inline bool is_locked(std::span<const std::uint8_t> code) noexcept {
    std::size_t at = 0;
    for (; at < code.size(); ++at) {
        switch (code[at]) {
        case 0xF0: return true;
        case 0x26:
        case 0x2E:
        case 0x36:
        case 0x3E:
        case 0x64:
        case 0x65:
        case 0x66:
        case 0x67:
        case 0xF2:
        case 0xF3: continue;
        default: break;
        }
        break;
    }
    if (at < code.size() && (code[at] & 0xF0) == 0x40)
        ++at;  // REX
    if (at + 1 >= code.size())
        return false;
    const bool is_exchange = code[at] == 0x86 || code[at] == 0x87;
    const bool with_memory = code[at + 1] < 0xC0;
    return is_exchange && with_memory;
}

/// A child process that runs `story`, stopping at each mark.
class traced_child {
public:
    /// The child's exit status if tracing is not permitted.
    static constexpr int refused = 77;

    template <class Story>
    explicit traced_child(Story&& story) : child_(::fork()) {
        if (child_ != 0)
            return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // without its tracer, the child would stay stopped
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0)
            ::_exit(refused);
        story();
        ::_exit(0);
    }
    traced_child(const traced_child&) = delete;
    traced_child& operator=(const traced_child&) = delete;
    ~traced_child() {
        if (status_)
            return;
        ::ptrace(PTRACE_KILL, child_, nullptr, nullptr);
        ::waitpid(child_, nullptr, 0);
    }

    /// Runs the child to the next mark, then single-steps it to the following mark. Returns std::nullopt if
    /// the child has ended.
    std::optional<stretch> next() {
        if (!run_to_mark())
            return std::nullopt;
        stretch found;
        for (;;) {
            const auto at = instruction_pointer();
            const auto code = code_at(at);
            if (code[0] == mark_code)
                break;
            ++found.instructions;
            if (is_locked(code))
                found.locked.push_back(at);
            if (!resume(PTRACE_SINGLESTEP))
                return std::nullopt;
        }
        return run_to_mark() ? std::optional(std::move(found)) : std::nullopt;
    }

    /// Returns the child's exit status, or 128 plus the number of the signal that killed the child. Call this
    /// function only after next() has returned std::nullopt.
    [[nodiscard]] int status() const noexcept { return status_.value_or(-1); }

private:
    static constexpr std::uint8_t mark_code = 0xCC;

    bool run_to_mark() { return resume(PTRACE_CONT); }

    // Resumes the child until the next SIGTRAP, which comes from a mark or a single step. Returns false if
    // the child has ended instead.
    bool resume(__ptrace_request how) {
        for (int signal = 0;;) {
            if (is_stopped_ && ::ptrace(how, child_, nullptr, signal) != 0)
                return false;
            int status;
            while (::waitpid(child_, &status, 0) < 0)
                if (errno != EINTR)
                    return false;
            if (!WIFSTOPPED(status)) {
                status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
                return false;
            }
            is_stopped_ = true;
            signal = WSTOPSIG(status);
            if (signal == SIGTRAP)
                return true;
        }
    }

    std::uintptr_t instruction_pointer() const {
        return static_cast<std::uintptr_t>(
            ::ptrace(PTRACE_PEEKUSER, child_, offsetof(user_regs_struct, rip), nullptr));
    }

    // Returns the first bytes of the instruction. These bytes include the prefixes, the opcode and the ModRM
    // byte.
    std::array<std::uint8_t, sizeof(long)> code_at(std::uintptr_t at) const {
        return std::bit_cast<std::array<std::uint8_t, sizeof(long)>>(
            ::ptrace(PTRACE_PEEKTEXT, child_, at, nullptr));
    }

    const pid_t child_;
    bool is_stopped_ = false;  // false until the first mark, which the child reaches by itself
    std::optional<int> status_;
};

/// Returns an addr2line command that shows where in the source an instruction of the child comes from. The
/// address can be looked up in this process, because a forked child has the address layout of its parent.
inline std::string place_of(std::uintptr_t instruction) {
    char offset[32];
    Dl_info found{};
    const bool is_known = ::dladdr(reinterpret_cast<void*>(instruction), &found) != 0;
    const auto base = is_known ? reinterpret_cast<std::uintptr_t>(found.dli_fbase) : 0;
    std::snprintf(offset, sizeof offset, " %#lx", static_cast<unsigned long>(instruction - base));
    return (is_known ? std::string("addr2line -Cfipe ") + found.dli_fname : "outside all libraries") + offset;
}

}  // namespace coil::bench
