// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

/// Checks that abort the program. Use them only for bugs. Everything that can go wrong in a correct program
/// is returned as an error (`outcome`) instead.
///
///     // the caller's bug:
///     COIL_PRECONDITION(!locked_, "mutex: destroyed while locked; declare it before its users");
///     COIL_CHECK(in_kernel_ > 0);     // our bug, broken bookkeeping; always on
///     COIL_ASSERT(n <= size());       // our bug; on if the library was built without NDEBUG
///
/// COIL_PRECONDITION is always on. Its text names the object, the mistake and the remedy, so that a user can
/// understand it without the library's sources. Use COIL_ASSERT only in the library's own sources (lib/),
/// because public inline functions must not depend on NDEBUG.

namespace coil::COIL_ABI::detail {

/// Prints the failed condition and its location, then aborts. Async-signal-safe.
[[noreturn]] void check_failed(const char* what, const char* file, int line) noexcept;

/// Prints "coil: <mistake>", followed by ": <detail>" if there is a detail, then aborts. Async-signal-safe.
[[noreturn]] void precondition_failed(const char* mistake, const char* detail = nullptr) noexcept;

/// Prints the same text as precondition_failed(), but aborts only if the library was built with assertions.
/// Use this function for mistakes that a program can survive.
void report_mistake(const char* mistake, const char* detail = nullptr) noexcept;

/// Returns true if the library that this program is linked with was built with assertions.
[[nodiscard]] bool asserts_enabled() noexcept;

}  // namespace coil::COIL_ABI::detail

#define COIL_CHECK(condition) \
    ((condition) ? void(0) : ::coil::detail::check_failed(#condition, __FILE__, __LINE__))

#define COIL_PRECONDITION(condition, mistake) \
    ((condition) ? void(0) : ::coil::detail::precondition_failed(mistake))

#ifdef NDEBUG
#define COIL_ASSERT(condition) void(0)
#else
#define COIL_ASSERT(condition) COIL_CHECK(condition)
#endif
