// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <utility>

namespace coil::COIL_ABI {

/// Owns an open descriptor that does not belong to a context, such as a descriptor received from another
/// process. The destructor calls close(2). To send and receive, pass the descriptor to a socket's assign().
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

    /// Returns the descriptor, or -1 if there is none.
    [[nodiscard]] int get() const noexcept { return number_; }
    [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }

    /// Gives up ownership. The caller must close the descriptor.
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
    /// Closes the descriptor, if there is one, and takes ownership of `number`.
    void reset(int number = -1) noexcept;

private:
    int number_ = -1;
};

}  // namespace coil::COIL_ABI
