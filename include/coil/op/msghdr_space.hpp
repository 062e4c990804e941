// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <sys/socket.h>

namespace coil::COIL_ABI::op {

/// A msghdr inside an operation, for as long as the kernel uses it. Takes no space if `Needed` is false.
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
