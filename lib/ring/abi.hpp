// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>

/// What the kernel offers and liburing 2.3 has no name for yet. The numbers are the kernel's ABI and never change; the
/// names are ours, because newer headers define the kernel's own as enumerators, which no #ifdef can see.

namespace coil::COIL_ABI::ring::abi {

inline constexpr unsigned setup_no_sqarray = 1u << 16;       // since 6.6
inline constexpr unsigned feature_no_iowait = 1u << 17;      // since 6.15
inline constexpr unsigned enter_no_iowait = 1u << 7;         // since 6.15
inline constexpr unsigned register_ring_descriptors = 20;    // since 5.18
inline constexpr unsigned unregister_ring_descriptors = 21;  // since 5.18
inline constexpr unsigned enter_registered_ring = 1u << 4;   // since 5.18
inline constexpr unsigned buffer_ring_incremental = 2;       // since 6.12
inline constexpr unsigned buffer_has_more = 1u << 4;         // a CQE's flag, since 6.12
inline constexpr unsigned features_of_6_1 = 0x1fff;

}  // namespace coil::COIL_ABI::ring::abi
