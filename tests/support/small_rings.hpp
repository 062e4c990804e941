// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/loop/io_context.hpp>

namespace coil::test {

/// Options for tests that create hundreds of contexts. Such tests need small rings, because Linux 6.18
/// charges rings to an unprivileged user's RLIMIT_MEMLOCK (8 MiB) and releases a closed ring only after a
/// delay.
inline constexpr io_context::options small_rings{.entries = 16, .completions = 32};

}  // namespace coil::test
