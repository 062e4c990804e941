// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>

namespace coil::COIL_ABI {

// Values of an SQE's user_data that are not the address of an operation.
inline constexpr std::uint64_t wake_tag = 1;    // the multishot poll that lets other threads wake the loop
inline constexpr std::uint64_t cancel_tag = 2;  // a cancel, which posts a completion only if it fails
inline constexpr std::uint64_t tags_end = 16;

}  // namespace coil::COIL_ABI
