// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "support/counting.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <new>
#include <sys/syscall.h>
#include <unistd.h>

#include <coil/loop/co_spawn.hpp>
#include <coil/op/nop.hpp>

#include "support/allocations.hpp"

namespace coil::bench {
namespace {

int number_in(int folder, const char* path) noexcept {
    const int file = ::openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    char text[16] = {};
    const bool is_read = ::read(file, text, sizeof text - 1) > 0;
    ::close(file);
    return is_read ? std::atoi(text) : -1;
}

// Reads a number from a tracefs that is not mounted. Creates a detached mount without a path, which
// disappears when its descriptor is closed. Creating the mount needs root.
int number_in_unmounted_tracefs(const char* path) noexcept {
    const int context = static_cast<int>(::syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC));
    if (context < 0)
        return -1;
    int number = -1;
    if (::syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
        const int root = static_cast<int>(::syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0));
        if (root >= 0) {
            number = number_in(root, path);
            ::close(root);
        }
    }
    ::close(context);
    return number;
}

// Returns the ID of the tracepoint that fires when a system call begins, or -1 if it is not available.
int tracepoint() noexcept {
    static const int number = [] {
        constexpr const char* path = "events/raw_syscalls/sys_enter/id";
        for (const char* folder: {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
            const int opened = ::open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
            if (opened < 0)
                continue;
            const int found = number_in(opened, path);
            ::close(opened);
            if (found >= 0)
                return found;
        }
        return number_in_unmounted_tracefs(path);
    }();
    return number;
}

}  // namespace

system_call_counter::system_call_counter() noexcept {
    if (tracepoint() < 0)
        return;
    perf_event_attr wanted{};
    wanted.size = sizeof wanted;
    wanted.type = PERF_TYPE_TRACEPOINT;
    wanted.config = static_cast<std::uint64_t>(tracepoint());
    event_ = static_cast<int>(
        ::syscall(SYS_perf_event_open, &wanted, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));  // on this thread
}

system_call_counter::~system_call_counter() {
    if (event_ >= 0)
        ::close(event_);
}

unsigned long long system_call_counter::read() const noexcept {
    std::uint64_t value = 0;
    if (event_ >= 0 && ::read(event_, &value, sizeof value) != sizeof value)
        value = 0;
    return value;
}

counting::counting(std::function<loop_counts()> loop) : loop_(std::move(loop)) {
    if (loop_)
        loop_before_ = loop_();
    allocations_before_ = allocations();
    system_calls_before_ = system_calls_.read();
}

counts counting::stop() const {
    // Subtract the system call that reads the counter.
    const auto system_calls = system_calls_.read() - system_calls_before_ - 1;
    const auto allocated = allocations() - allocations_before_;
    const loop_counts loop = loop_ ? loop_() : loop_counts{};

    counts result;
    result.system_calls_are_enters = !system_calls_.works();
    result.system_calls = static_cast<double>(
        result.system_calls_are_enters ? loop.enters - loop_before_.enters : system_calls);
    result.submissions = static_cast<double>(loop.submissions - loop_before_.submissions);
    result.allocations = static_cast<double>(allocated);
    return result;
}

// ---- self-check -----------------------------------------------------------------------------------------

namespace {

struct alignas(64) aligned {
    char bytes[64];
};

void* volatile sink;  // prevents the compiler from eliding allocations

int failures;

void expect(const char* what, double expected, double counted) {
    const bool holds = expected == counted;
    std::printf("%-44s expected %6.0f, counted %6.0f%s\n", what, expected, counted, holds ? "" : "   WRONG");
    if (!holds)
        ++failures;
}

template <class Action>
counts counts_of(Action&& action) {
    const counting counted({});
    action();
    return counted.stop();
}

template <class Allocate, class Free>
void expect_one_allocation(const char* what, Allocate&& allocate, Free&& release) {
    expect(what, 1, counts_of([&] { sink = allocate(); }).allocations);
    release();
}

void check_allocations() {
    const auto give_back = [] { std::free(sink); };
    expect("allocations of nothing", 0, counts_of([] {}).allocations);
    expect_one_allocation("allocations of malloc", [] { return std::malloc(100); }, give_back);
    expect_one_allocation("allocations of calloc", [] { return std::calloc(10, 10); }, give_back);
    expect_one_allocation(
        "allocations of aligned_alloc", [] { return std::aligned_alloc(64, 128); }, give_back);
    expect_one_allocation(
        "allocations of new", [] { return new char; }, [] { delete static_cast<char*>(sink); });
    expect_one_allocation(
        "allocations of new[]", [] { return new char[100]; }, [] { delete[] static_cast<char*>(sink); });
    expect_one_allocation(
        "allocations of an aligned new", [] { return new aligned; },
        [] { delete static_cast<aligned*>(sink); });
}

void check_system_calls() {
    if (!system_call_counter().works()) {
        std::printf("system calls can't be counted here: the loop's own count is used, marked with ~\n");
        return;
    }
    const auto call = [](int times) {
        return [times] {
            for (int i = 0; i < times; ++i)
                ::getppid();
        };
    };
    expect("system calls of nothing", 0, counts_of(call(0)).system_calls);
    expect("system calls of one getppid", 1, counts_of(call(1)).system_calls);
    expect("system calls of 1000 getppid", 1000, counts_of(call(1000)).system_calls);
}

task<> count_nops(io_context& context, int nops) {
    for (int i = 0; i < nops; ++i)
        co_await op::nop_description{};
    const counting counted([&] {
        const auto now = context.metrics();
        return loop_counts{now.enters, now.submissions};
    });
    const auto enters_before = context.metrics().enters;
    for (int i = 0; i < nops; ++i)
        co_await op::nop_description{};
    const auto enters = context.metrics().enters - enters_before;
    const counts found = counted.stop();
    expect("SQEs of 1000 no-ops through the loop", nops, found.submissions);
    expect("system calls of these no-ops", static_cast<double>(enters), found.system_calls);
}

}  // namespace

int check_counters() {
    failures = 0;
    check_allocations();
    check_system_calls();
    io_context context;
    co_spawn(context, count_nops(context, 1000), detached);
    context.run();
    return failures == 0 ? 0 : 1;
}

}  // namespace coil::bench
