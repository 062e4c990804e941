// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <coil/base/endpoint.hpp>
#include <coil/loop/chunk.hpp>

namespace coil::COIL_ABI::op {

/// A datagram, or a train of datagrams, as a `recvfrom_queue` delivers it. The sender's address is an
/// `ip::endpoint`, whatever the protocol of the socket is.
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
