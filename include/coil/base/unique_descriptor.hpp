// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <utility>

namespace coil::COIL_ABI {

/// Owns an open descriptor that belongs to no context, such as one that another process has passed: close(2)s it when it is
/// destroyed. To send and receive with it, give it to a socket's assign().
///
///     unique_descriptor passed(receive_descriptor());
///     socket.assign(tcp::v4(), std::move(passed));
class unique_descriptor {
public:
    unique_descriptor() noexcept = default;
    explicit unique_descriptor(int number) noexcept : number_(number) {}
    unique_descriptor(unique_descriptor&& other) noexcept : number_(other.release()) {}
    unique_descriptor& operator=(unique_descriptor&& other) noexcept {
        reset(other.release());
        return *this;
    }
    ~unique_descriptor() { reset(); }

    /// -1 if there is none.
    [[nodiscard]] int get() const noexcept { return number_; }
    [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }

    /// Hands it out: it is the caller's to close.
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
    /// Closes what there is, and owns `number` from now on.
    void reset(int number = -1) noexcept;

private:
    int number_ = -1;
};

}  // namespace coil::COIL_ABI
