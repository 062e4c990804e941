// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

#include <coil/version.hpp>

namespace coil::COIL_ABI::ring {

/// An RAII guard for system calls that may write to a pipe without a reader. It suppresses any SIGPIPE that
/// these calls raise, and leaves every other SIGPIPE alone.
///
///     was blocked   was pending   action
///     no            -             block SIGPIPE, make the calls, discard their SIGPIPE, unblock SIGPIPE
///     yes           no            make the calls, discard their SIGPIPE
///     yes           yes           make the calls; a second SIGPIPE has no effect
///
/// The kernel sends the signal to the calling thread during its enter, either when the write is submitted or
/// when the write is retried later. Writes on a kernel worker do not raise it (measured on 6.1 and 6.18). If
/// another process sends a SIGPIPE with kill(2) during the calls, the guard raises that signal again.
/// Cost: three system calls.
class sigpipe_guard {
public:
    sigpipe_guard() noexcept;
    sigpipe_guard(const sigpipe_guard&) = delete;
    sigpipe_guard& operator=(const sigpipe_guard&) = delete;
    ~sigpipe_guard();

private:
    sigset_t sigpipe_;
    bool was_blocked_;
    bool was_pending_;
};

}  // namespace coil::COIL_ABI::ring
