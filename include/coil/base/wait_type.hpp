// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

namespace coil::COIL_ABI {

/// The kinds of readiness to wait for on a descriptor, as a bitmask. Sockets and stream descriptors inherit
/// the names, so that programs can write `tcp::socket::wait_read`.
class wait_base {
public:
    enum wait_type : unsigned {
        wait_none = 0,   ///< only an error or a hang-up completes such a wait
        wait_read = 1,   ///< recv or accept would not block: data, a connection, end of stream or an error
        wait_write = 2,  ///< sending would not block
        wait_error = 4,  ///< out-of-band data, an error or a hang-up
    };
    friend constexpr wait_type operator|(wait_type a, wait_type b) noexcept {
        return static_cast<wait_type>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
    }
    friend constexpr wait_type operator&(wait_type a, wait_type b) noexcept {
        return static_cast<wait_type>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
    }
    friend constexpr wait_type& operator|=(wait_type& a, wait_type b) noexcept { return a = a | b; }
    friend constexpr wait_type& operator&=(wait_type& a, wait_type b) noexcept { return a = a & b; }
};

using wait_type = wait_base::wait_type;

}  // namespace coil::COIL_ABI
