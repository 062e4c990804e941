// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>

/// Helper functions for the load generator and the rivals. Nothing in this namespace depends on coil.
namespace compare {

/// If `holds` is false, throws a std::system_error with errno and `what`.
inline void check(bool holds, const char* what) {
    if (!holds)
        throw std::system_error(errno, std::system_category(), what);
}

/// Throws a std::system_error if the io_uring result `result` is a negative errno.
inline int check_result(int result, const char* what) {
    if (result < 0)
        throw std::system_error(-result, std::system_category(), what);
    return result;
}

/// Prints the current exception as one line on stderr and returns the exit status. main() calls this function
/// in its `catch (...)`.
[[nodiscard]] inline int explain_failure() noexcept {
    try {
        throw;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, failure.what());
    }
    return 1;
}

}  // namespace compare
