// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

/// The three words for failure. The world's failures are values (`outcome`), never one of these.
///
///     COIL_CHECK(in_kernel_ > 0);    // our books are wrong: stop, in every build
///     COIL_ASSERT(!in_flight_);      // a bug, ours or the caller's: stop, where the library was built without NDEBUG
///
/// COIL_ASSERT stands only in the library's own sources (lib/), so that no public inline function depends on NDEBUG.

namespace coil::COIL_ABI {

/// Prints what does not hold and where, and aborts. Async-signal-safe.
[[noreturn]] void check_failed(const char* what, const char* file, int line) noexcept;

/// Whether the library that this program is linked with was built with its assertions.
[[nodiscard]] bool asserts_enabled() noexcept;

}  // namespace coil::COIL_ABI

#define COIL_CHECK(condition) ((condition) ? void(0) : ::coil::check_failed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define COIL_ASSERT(condition) void(0)
#else
#define COIL_ASSERT(condition) COIL_CHECK(condition)
#endif
