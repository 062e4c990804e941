// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <initializer_list>
#include <string_view>

namespace coil::COIL_ABI {

/// Writes "coil: ", the parts and a newline to stderr. Everything that the library prints goes through this
/// function. The event loop calls this function, so it never blocks and never raises a signal, regardless of
/// what kind of file stderr is. Best effort.
///
///     if stderr is                   the line is
///     a socket                       sent by send(2) with MSG_DONTWAIT and MSG_NOSIGNAL
///     a pipe, a file, a terminal     written if that does not block; raises no SIGPIPE, SIGXFSZ or SIGTTOU
///     full, closed, or broken        dropped; the next line that is written says how many were dropped
///
/// A line is truncated after 4096 bytes (PIPE_BUF, the maximum size of an atomic write to a pipe).
/// Threads: any. Async-signal-safe.
void report(std::initializer_list<std::string_view> parts) noexcept;

/// Like report(), but formats the text as printf(3) does. Not async-signal-safe.
[[gnu::format(printf, 1, 2)]] void report_format(const char* format, ...) noexcept;

}  // namespace coil::COIL_ABI
