// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <liburing.h>

#include <coil/base/endpoint.hpp>

namespace coil::COIL_ABI {

/// How a multishot IORING_OP_RECVMSG fills a pool entry. Each receive fills one entry:
///
///     [ io_uring_recvmsg_out | space for the address | space for control messages | datagram or train ]
///
/// The io_uring_recvmsg_out says how much of each space is used. The msghdr of the request specifies the
/// sizes of the spaces.
struct datagram_layout {
    std::size_t name_room = 32;
    std::size_t control_room = 0;

    [[nodiscard]] constexpr std::size_t header_size() const noexcept {
        return sizeof(io_uring_recvmsg_out) + name_room + control_room;
    }
    /// Returns the size of an entry for `payload` bytes, rounded up so that the next entry is aligned.
    [[nodiscard]] constexpr std::size_t entry_size(std::size_t payload) const noexcept {
        return (header_size() + payload + 15) / 16 * 16;
    }
};

inline constexpr datagram_layout single_layout{};
/// A train of datagrams needs space for a control message that contains the segment size. If other options
/// are set on the socket, their control messages come first, so there must be space for these, too.
inline constexpr datagram_layout train_layout{.control_room = 256};

inline constexpr std::size_t datagram_size_max = 65535;  // for a single datagram and for a train

static_assert(sizeof(ip::socket_address) <= single_layout.name_room);

}  // namespace coil::COIL_ABI
