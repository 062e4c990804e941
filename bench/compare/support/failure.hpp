// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>

/// What the load and the rivals of the comparison share. Nothing here knows coil.
namespace compare {

/// Throws what errno says, after `what`, unless this holds.
inline void check(bool holds, const char* what) {
    if (!holds)
        throw std::system_error(errno, std::system_category(), what);
}

/// The same for what io_uring answers: a negative errno.
inline int check_answer(int answer, const char* what) {
    if (answer < 0)
        throw std::system_error(-answer, std::system_category(), what);
    return answer;
}

/// For main's `catch (...)`: one line on stderr, and the exit status.
[[nodiscard]] inline int explain_failure() noexcept {
    try {
        throw;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, failure.what());
    }
    return 1;
}

}  // namespace compare
