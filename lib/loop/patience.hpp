// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <chrono>

namespace coil::COIL_ABI {

// How long to wait for the kernel to end operations and release their buffers. The kernel normally needs
// microseconds, but a request may be stuck in a driver.
inline constexpr std::chrono::seconds patience{2};

// The limits of the pause before a cancel is repeated, or a refused wake-up poll is submitted again.
inline constexpr std::chrono::milliseconds retry_pause_min{1};
inline constexpr std::chrono::milliseconds retry_pause_max{128};

}  // namespace coil::COIL_ABI
