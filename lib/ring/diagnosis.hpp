// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <string>
#include <string_view>

namespace coil::COIL_ABI::ring {

inline constexpr unsigned long long unlimited = ~0ull;  // RLIM_INFINITY

/// What decides whether a process may have a ring.
struct circumstances {
    std::string release;  // of the kernel: "6.1.0-18-amd64"
    std::string status;   // /proc/self/status
    int disabled = -1;    // the sysctl kernel.io_uring_disabled, -1 where there is none (before 6.6)
    unsigned long long memlock = unlimited;  // RLIMIT_MEMLOCK in bytes
};

[[nodiscard]] circumstances circumstances_of_this_process();

/// Why a ring could not be made or enabled: `call`, one of the system calls for it, failed with `error`. With
/// the remedy, in one line. Depends on nothing but its arguments.
[[nodiscard]] std::string diagnose(int error, const circumstances& around,
                                   std::string_view call = "io_uring_setup");

/// The same without the words that say what it is about.
[[nodiscard]] std::string cause_and_remedy(int error, const circumstances& around,
                                           std::string_view call = "io_uring_setup");

/// Whether a seccomp profile decides which system calls this process may make.
[[nodiscard]] bool is_filtered(const circumstances& around) noexcept;
/// By its number. Some distributions' older numbers have newer io_urings.
[[nodiscard]] bool is_before_6_1(const circumstances& around) noexcept;

}  // namespace coil::COIL_ABI::ring
