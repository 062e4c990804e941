// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>

/// Kernel constants that liburing 2.3 does not define yet. The numbers are kernel ABI and never change. They
/// have coil's own names here, because newer headers define the kernel's names as enumerators, and #ifdef
/// cannot detect enumerators.

namespace coil::COIL_ABI::ring::abi {

inline constexpr unsigned setup_no_sqarray = 1u << 16;       // since 6.6
inline constexpr unsigned feature_no_iowait = 1u << 17;      // since 6.15
inline constexpr unsigned enter_no_iowait = 1u << 7;         // since 6.15
inline constexpr unsigned register_ring_descriptors = 20;    // since 5.18
inline constexpr unsigned unregister_ring_descriptors = 21;  // since 5.18
inline constexpr unsigned enter_registered_ring = 1u << 4;   // since 5.18
inline constexpr unsigned buffer_ring_incremental = 2;       // since 6.12
inline constexpr unsigned buffer_has_more = 1u << 4;         // CQE flag, since 6.12
inline constexpr unsigned features_of_6_1 = 0x1fff;

}  // namespace coil::COIL_ABI::ring::abi
