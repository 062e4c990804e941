// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace coil::test {

/// Returns true if this process may not call io_uring_setup(2), as in a container. coil then runs on epoll.
inline bool is_io_uring_refused() {
    ::syscall(SYS_io_uring_setup, 1, nullptr);
    return errno == EPERM || errno == EACCES || errno == ENOSYS;
}

}  // namespace coil::test

/// Skips a test of io_uring itself.
#define SKIP_IF_IO_URING_IS_REFUSED()      \
    if (coil::test::is_io_uring_refused()) \
    GTEST_SKIP() << "io_uring is refused here"
