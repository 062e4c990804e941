// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <utility>

/// What an operation costs besides time: system calls of the thread that runs the loop, SQEs, allocations.

namespace coil::bench {

/// What a loop has counted by itself so far.
struct loop_counts {
    unsigned long long enters = 0;
    unsigned long long submissions = 0;
};

struct counts {
    double system_calls = 0;
    double submissions = 0;
    double allocations = 0;
    bool system_calls_are_enters = false;  // they could not be counted: these are the loop's own
};

/// The calling thread's system calls, counted by the kernel (the tracepoint raw_syscalls:sys_enter, for which
/// one must be root or have CAP_PERFMON). While there is one of these, every system call of the machine takes
/// longer: don't measure time meanwhile.
class system_call_counter {
public:
    system_call_counter() noexcept;
    system_call_counter(const system_call_counter&) = delete;
    system_call_counter& operator=(const system_call_counter&) = delete;
    ~system_call_counter();

    [[nodiscard]] bool works() const noexcept { return event_ >= 0; }
    /// So far, this call included.
    [[nodiscard]] unsigned long long read() const noexcept;

private:
    int event_ = -1;
};

/// Counts from its making until stop().
class counting {
public:
    /// `loop` tells what the loop has counted; without a loop it is empty.
    explicit counting(std::function<loop_counts()> loop);

    [[nodiscard]] counts stop() const;

private:
    std::function<loop_counts()> loop_;
    system_call_counter system_calls_;
    loop_counts loop_before_;
    unsigned long long allocations_before_ = 0;
    unsigned long long system_calls_before_ = 0;
};

/// Plants one system call, and one allocation of each kind, and looks whether exactly they are counted; has a
/// loop count its enters, and compares. Says what does not hold. 0 if all does.
int check_counters();

}  // namespace coil::bench
