// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

namespace coil::COIL_ABI {

/// What a descriptor may be ready for, as a bitmask: the names that sockets and foreign descriptors share.
class wait_base {
public:
    enum wait_type : unsigned {
        wait_none = 0,   ///< nothing; who waits for that hears of errors and hang-ups alone
        wait_read = 1,   ///< receiving or accepting would not wait: something is there, an end, or an error
        wait_write = 2,  ///< sending would not wait
        wait_error = 4,  ///< out-of-band data, an error, or nobody at the other end any more
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
