// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <initializer_list>
#include <string_view>

namespace coil::COIL_ABI {

/// Writes "coil: ", the parts and a newline to stderr: every line that the library itself has to say. Best
/// effort: it never blocks and never raises a signal, whatever stderr is, because the loop of a server calls
/// it.
///
///     stderr                         the line
///     a socket                       send(2), with MSG_DONTWAIT and MSG_NOSIGNAL
///     a pipe, a file, a terminal     written if there is room now; SIGPIPE, SIGXFSZ and SIGTTOU are held back
///     full, closed, or broken        is dropped; the next line that fits says how many were
///
/// A line has at most 4096 bytes (PIPE_BUF, what a pipe takes whole); the rest is cut off.
/// Threads: any. Async-signal-safe.
void report(std::initializer_list<std::string_view> parts) noexcept;

/// report() of a text made with printf's conversions. Not async-signal-safe.
[[gnu::format(printf, 1, 2)]] void report_format(const char* format, ...) noexcept;

}  // namespace coil::COIL_ABI
