// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/loop/io_context.hpp>

namespace coil::test {

/// For tests that make contexts by the hundred: Linux 6.18 counts rings against an ordinary user's locked memory (8 MiB), and a ring
/// that was closed is given back only some time later.
inline constexpr io_context::options small_rings{.entries = 16, .completions = 32};

}  // namespace coil::test
