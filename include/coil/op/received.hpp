// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <coil/base/endpoint.hpp>
#include <coil/loop/chunk.hpp>

namespace coil::COIL_ABI::op {

/// A datagram as a `recvfrom_queue` delivers it. The sender's address, `from`, has the same type for all
/// protocols.
struct received_datagram : chunk {
    ip::endpoint from;
    bool truncated = false;
};
/// A train of datagrams as a `recvfrom_queue` delivers it.
struct received_train : chunk {
    std::size_t segment_size = 0;
    ip::endpoint from;
    bool truncated = false;
};

}  // namespace coil::COIL_ABI::op
