// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

/// Checks that abort. They are for bugs only: everything that the world can do is a returned error (`outcome`).
///
///     COIL_PRECONDITION(!locked_, "mutex: destroyed while locked; declare it before its users");  // the caller's bug
///     COIL_CHECK(in_kernel_ > 0);     // broken bookkeeping, which is our bug; always on
///     COIL_ASSERT(n <= size());       // our bug; on if the library was built without NDEBUG
///
/// COIL_PRECONDITION is always on. Its text says what the caller did, on which object, and the remedy: a user who reads
/// the line must not need our sources.
/// COIL_ASSERT stands only in the library's own sources (lib/), so that no public inline function depends on NDEBUG.

namespace coil::COIL_ABI {

/// Prints what does not hold and where, and aborts. Async-signal-safe.
[[noreturn]] void check_failed(const char* what, const char* file, int line) noexcept;

/// Prints "coil: <mistake>" and, if there is one, ": <detail>", and aborts. Async-signal-safe.
[[noreturn]] void precondition_failed(const char* mistake, const char* detail = nullptr) noexcept;

/// Prints the same. Aborts only if the library was built with its assertions: for mistakes that a program survives.
void report_mistake(const char* mistake, const char* detail = nullptr) noexcept;

/// Whether the library that this program is linked with was built with its assertions.
[[nodiscard]] bool asserts_enabled() noexcept;

}  // namespace coil::COIL_ABI

#define COIL_CHECK(condition) ((condition) ? void(0) : ::coil::check_failed(#condition, __FILE__, __LINE__))

#define COIL_PRECONDITION(condition, mistake) ((condition) ? void(0) : ::coil::precondition_failed(mistake))

#ifdef NDEBUG
#define COIL_ASSERT(condition) void(0)
#else
#define COIL_ASSERT(condition) COIL_CHECK(condition)
#endif
