// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <string>
#include <string_view>

namespace coil::COIL_ABI::ring {

inline constexpr unsigned long long unlimited = ~0ull;  // RLIM_INFINITY

/// The conditions that determine whether a process can create a ring.
struct circumstances {
    std::string release;  // the kernel release, such as "6.1.0-18-amd64"
    std::string status;   // the text of /proc/self/status
    int disabled = -1;    // the sysctl kernel.io_uring_disabled, -1 if it does not exist (before 6.6)
    unsigned long long memlock = unlimited;  // RLIMIT_MEMLOCK in bytes
};

[[nodiscard]] circumstances circumstances_of_this_process();

/// Returns one line that says why a ring could not be created or enabled, and how to fix it. `call` is the
/// system call that failed with `error`. The text depends only on the arguments.
[[nodiscard]] std::string diagnose(int error, const circumstances& around,
                                   std::string_view call = "io_uring_setup");

/// Returns the text of diagnose() without the introductory words.
[[nodiscard]] std::string cause_and_remedy(int error, const circumstances& around,
                                           std::string_view call = "io_uring_setup");

/// Returns true if a seccomp profile filters the process's system calls.
[[nodiscard]] bool is_filtered(const circumstances& around) noexcept;
/// Compares only the version number. Some distributions backport a newer io_uring to an older kernel.
[[nodiscard]] bool is_before_6_1(const circumstances& around) noexcept;

}  // namespace coil::COIL_ABI::ring
