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
///     [ io_uring_recvmsg_out | room for the sender's address | room for control messages | the datagram, or a train ]
///
/// The first says how much of each room was used. The rooms are as large as the msghdr asked, whatever that is.
struct datagram_layout {
    std::size_t name_room = 32;
    std::size_t control_room = 0;

    [[nodiscard]] constexpr std::size_t header_size() const noexcept {
        return sizeof(io_uring_recvmsg_out) + name_room + control_room;
    }
    /// With room for so many bytes. The next entry is to be aligned, too.
    [[nodiscard]] constexpr std::size_t entry_size(std::size_t payload) const noexcept {
        return (header_size() + payload + 15) / 16 * 16;
    }
};

inline constexpr datagram_layout single_layout{};
/// Also for the segment's size, behind what else a socket may have been told to report.
inline constexpr datagram_layout train_layout{.control_room = 256};

inline constexpr std::size_t datagram_size_max = 65535;  // and of a train

static_assert(sizeof(ip::socket_address) <= single_layout.name_room);

}  // namespace coil::COIL_ABI
