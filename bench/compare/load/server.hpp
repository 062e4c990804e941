// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace compare {

/// The server process under test. It is observed from outside, through /proc.
class server {
public:
    /// If `process` is 0, there is no server to observe, and all functions return 0.
    explicit server(pid_t process) : process_(process) {}

    /// Waits until the process is idle and returns the CPU time of all its threads, in nanoseconds. The wait
    /// is necessary because the scheduler's accounting is exact only for idle threads; for a running thread,
    /// the value dates from the last tick. Throws if the process does not become idle.
    [[nodiscard]] std::int64_t cpu_at_rest() const;

    /// Returns the resident memory in bytes.
    [[nodiscard]] std::int64_t resident() const;

private:
    struct state {
        std::int64_t cpu = 0;
        bool running = false;
    };
    [[nodiscard]] state sample() const;

    pid_t process_;
};

/// Returns the number of malloc(3) bytes that the server holds. A preloaded `libcompare_malloc_count.so`
/// writes this number to the file named `file`. Returns -1 if `file` is empty.
std::int64_t allocated_bytes(const std::string& file);

}  // namespace compare
