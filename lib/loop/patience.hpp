// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <chrono>

namespace coil::COIL_ABI {

// How long to wait for the kernel to release buffers. It takes microseconds, unless a request is stuck in a
// driver.
inline constexpr std::chrono::seconds patience{2};

}  // namespace coil::COIL_ABI
