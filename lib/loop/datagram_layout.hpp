// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <liburing.h>

#include <coil/base/endpoint.hpp>

namespace coil::COIL_ABI {

/// How a multishot IORING_OP_RECVMSG fills an entry of a pool, once for each receive:
///
///     [ io_uring_recvmsg_out | room for the address | room for control messages | the datagram, or a train ]
///
/// The io_uring_recvmsg_out says how much of each room was used. The msghdr of the request gives the sizes of
/// the rooms.
struct datagram_layout {
    std::size_t name_room = 32;
    std::size_t control_room = 0;

    [[nodiscard]] constexpr std::size_t header_size() const noexcept {
        return sizeof(io_uring_recvmsg_out) + name_room + control_room;
    }
    /// The size of an entry with room for `payload` bytes. Rounded up so that the next entry is aligned too.
    [[nodiscard]] constexpr std::size_t entry_size(std::size_t payload) const noexcept {
        return (header_size() + payload + 15) / 16 * 16;
    }
};

inline constexpr datagram_layout single_layout{};
/// With room for the segment size, behind the control messages of other options that the socket may have set.
inline constexpr datagram_layout train_layout{.control_room = 256};

inline constexpr std::size_t datagram_size_max = 65535;  // also of a train

static_assert(sizeof(ip::socket_address) <= single_layout.name_room);

}  // namespace coil::COIL_ABI
