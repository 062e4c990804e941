// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <chrono>

namespace coil::COIL_ABI {

// How long to wait until the kernel has released buffers. This normally takes microseconds, but a request may
// be stuck in a driver.
inline constexpr std::chrono::seconds patience{2};

}  // namespace coil::COIL_ABI
