// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include "ring/uring_kernel.hpp"

namespace coil::test {

/// Returns true if this process may not use io_uring, as in a container. coil then runs on epoll.
inline bool is_io_uring_refused() {
    static const bool is_refused = ring::uring_kernel::probe().error != 0;
    return is_refused;
}

}  // namespace coil::test

/// Skips a test of io_uring itself.
#define SKIP_IF_IO_URING_IS_REFUSED()      \
    if (coil::test::is_io_uring_refused()) \
    GTEST_SKIP() << "io_uring is refused here"
