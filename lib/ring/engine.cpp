// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/engine.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

#include <coil/base/error.hpp>

#include "base/process.hpp"
#include "ring/epoll_kernel.hpp"

namespace coil::COIL_ABI::ring {
namespace {

const struct fork_counter {
    fork_counter() noexcept { this_process::count_forks(); }
} counts_forks;

// A lack of resources says nothing about io_uring. Every other error does: a seccomp profile may refuse a
// system call with any errno.
bool lacks_resources(int error) noexcept {
    return error == ENOMEM || error == EMFILE || error == ENFILE || error == EAGAIN || error == EBUSY;
}

// When the kernel takes a ring apart, it interrupts the system calls of the thread that has created the ring.
// A recv(2) with MSG_WAITALL then returns early. The ring of the probe therefore belongs to a thread that
// ends. A child of fork(2) starts no thread, because ThreadSanitizer does not support that.
refusal probe_on_a_thread() {
    if (this_process::number() != 0)
        return uring_kernel::probe();
    refusal found;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before);  // no signal handler runs on the thread
    try {
        std::thread([&found] { found = uring_kernel::probe(); }).join();
    } catch (const std::system_error&) {  // no thread can be created here
        found = uring_kernel::probe();
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return found;
}

// A program that runs with raised privileges ignores the variable.
engine_choice choose() {
    const char* variable = ::secure_getenv("COIL_ENGINE");
    switch (engine_named(variable ? variable : "")) {
    case io_engine::io_uring:
        return {io_engine::io_uring, "the environment variable COIL_ENGINE is io_uring"};
    case io_engine::epoll: return {io_engine::epoll, "the environment variable COIL_ENGINE is epoll"};
    case io_engine::automatic: break;
    }
    return choose_by(probe_on_a_thread(), circumstances_of_this_process());
}

}  // namespace

io_engine engine_named(std::string_view value) {
    if (value.empty() || value == "auto")
        return io_engine::automatic;
    if (value == "io_uring")
        return io_engine::io_uring;
    if (value == "epoll")
        return io_engine::epoll;
    detail::throw_failure(std::make_error_code(std::errc::invalid_argument),
                          "the environment variable COIL_ENGINE is '" + std::string(value) +
                              "'; it can be auto, io_uring or epoll");
}

engine_choice choose_by(const refusal& found, const circumstances& around) {
    if (found.error == 0)
        return {io_engine::io_uring, "this system allows io_uring"};
    if (lacks_resources(found.error))
        detail::throw_failure(detail::system_error_code(found.error),
                              diagnose(found.error, around, found.call));
    return {io_engine::epoll,
            "io_uring is not available: " + cause_and_remedy(found.error, around, found.call)};
}

// Does not use the guard of a static variable. If another thread forked while this thread chooses, the child
// would wait for the guard forever. The choices are never destroyed, because a thread may ask for the reason
// while the process exits.
const engine_choice& choose_engine(io_engine wanted) {
    static constinit std::atomic<const engine_choice*> choices[3]{};
    const auto index = static_cast<unsigned>(wanted);
    if (index >= std::size(choices))
        detail::throw_failure(std::make_error_code(std::errc::invalid_argument),
                              "io_context::options::engine is " + std::to_string(index) +
                                  "; it can be io_engine::automatic, io_uring or epoll");
    auto& choice = choices[index];
    const engine_choice* made = choice.load(std::memory_order_acquire);
    if (made)
        return *made;
    auto mine = std::make_unique<const engine_choice>(
        wanted == io_engine::automatic ? choose() : engine_choice{wanted, "the program asked for it"});
    if (choice.compare_exchange_strong(made, mine.get(), std::memory_order_acq_rel))
        made = mine.release();
    return *made;
}

detail::owned<kernel> make_kernel(io_engine engine) {
    if (engine == io_engine::epoll)
        return detail::make_owned<epoll_kernel>();
    return detail::make_owned<uring_kernel>();
}

}  // namespace coil::COIL_ABI::ring
