// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/buffer_ring.hpp"

namespace coil::COIL_ABI::ring {

buffer_ring::buffer_ring(unsigned entries) noexcept
    : memory_(entries * sizeof(io_uring_buf)), mask_(entries - 1) {}

}  // namespace coil::COIL_ABI::ring
