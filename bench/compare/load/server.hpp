// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace compare {

/// The process under test, seen from outside, through /proc.
class server {
public:
    /// 0: there is none to be seen, and everything is 0.
    explicit server(pid_t process) : process_(process) {}

    /// The CPU time of all its threads so far, in nanoseconds, once it rests. The scheduler's books are exact only then: for a
    /// running thread they are as old as its last tick. Throws if it finds no rest.
    [[nodiscard]] std::int64_t cpu_at_rest() const;

    /// The physical memory that it uses, in bytes.
    [[nodiscard]] std::int64_t resident() const;

private:
    struct state {
        std::int64_t cpu = 0;
        bool running = false;
    };
    [[nodiscard]] state look() const;

    pid_t process_;
};

/// What `libcompare_malloc_count.so`, preloaded into the server, writes into this file: the bytes that it holds from malloc.
/// -1 without a file.
std::int64_t allocated_bytes(const std::string& file);

}  // namespace compare
