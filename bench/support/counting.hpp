// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <utility>

/// Counts what an operation costs apart from time: SQEs, allocations, and system calls made by the thread
/// that runs the loop.

namespace coil::bench {

/// The counters that the loop itself keeps.
struct loop_counts {
    unsigned long long enters = 0;
    unsigned long long submissions = 0;
};

struct counts {
    double system_calls = 0;
    double submissions = 0;
    double allocations = 0;
    bool system_calls_are_enters = false;  // true if system calls could not be counted
};

/// Counts the system calls of the calling thread with the tracepoint raw_syscalls:sys_enter, which needs root
/// or CAP_PERFMON. While a counter exists, every system call on the machine is slower, so do not measure time
/// during this period.
class system_call_counter {
public:
    system_call_counter() noexcept;
    system_call_counter(const system_call_counter&) = delete;
    system_call_counter& operator=(const system_call_counter&) = delete;
    ~system_call_counter();

    [[nodiscard]] bool works() const noexcept { return event_ >= 0; }
    /// Returns the number of system calls so far, including the call that reads the counter.
    [[nodiscard]] unsigned long long read() const noexcept;

private:
    int event_ = -1;
};

/// Counts from construction until stop().
class counting {
public:
    /// `loop` is a function that returns the loop's counters. Pass an empty function if there is no loop.
    explicit counting(std::function<loop_counts()> loop);

    [[nodiscard]] counts stop() const;

private:
    std::function<loop_counts()> loop_;
    system_call_counter system_calls_;
    loop_counts loop_before_;
    unsigned long long allocations_before_ = 0;
    unsigned long long system_calls_before_ = 0;
};

/// Checks the counters themselves. Makes a known number of system calls and of each kind of allocation, and
/// compares these numbers with the counters. Also compares the number of enters that a loop counts with the
/// number of system calls that it makes. Prints the results and returns 0 if all numbers match.
int check_counters();

}  // namespace coil::bench
