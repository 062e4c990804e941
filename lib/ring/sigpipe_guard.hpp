// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

#include <coil/version.hpp>

namespace coil::COIL_ABI::ring {

/// Around system calls that may write to a pipe without a reader: the SIGPIPE that they raise comes to nobody, and nothing
/// else is touched.
///
///     blocked before   pending before   then
///     no               -                block, call, take ours away, unblock
///     yes              no               call, take ours away: the program sees none that it didn't raise
///     yes              yes              call: one more changes nothing
///
/// It is the calling thread that the kernel sends it to, while that enters: when the write is submitted, or when it comes to
/// it later. What the kernel leaves to a worker of its own raises none (measured on 6.1 and 6.18). Another process's, from
/// kill(2), that came meanwhile is raised again.
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
