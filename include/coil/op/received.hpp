// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <coil/base/endpoint.hpp>
#include <coil/loop/chunk.hpp>

namespace coil::COIL_ABI::op {

/// A datagram or a train in the socket's queue. The type of its address does not depend on the protocol.
struct received_datagram : chunk {
    ip::endpoint from;
    bool truncated = false;
};
struct received_train : chunk {
    std::size_t segment_size = 0;
    ip::endpoint from;
    bool truncated = false;
};

}  // namespace coil::COIL_ABI::op
