// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <sys/socket.h>

namespace coil::COIL_ABI::op {

/// Holds the msghdr of an operation while the kernel uses it. If `Needed` is false, the class is empty and
/// takes no space in the operation.
template <bool Needed>
class msghdr_space {
public:
    [[nodiscard]] msghdr* address() noexcept { return &message_; }
    [[nodiscard]] const msghdr* address() const noexcept { return &message_; }

private:
    msghdr message_;
};

template <>
class msghdr_space<false> {
public:
    [[nodiscard]] static msghdr* address() noexcept { return nullptr; }
};

}  // namespace coil::COIL_ABI::op
