// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace example {

/// A client's messages, which all have one size. Each message is a window into one block of random bytes. A
/// window starts one byte after the previous window, so consecutive messages differ in almost every byte, and
/// nothing is copied.
class payload {
public:
    payload(std::size_t size, std::size_t seed) : size_(size), bytes_(size + windows - 1) {
        std::uint64_t state = seed;
        for (std::byte& each: bytes_) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            each = static_cast<std::byte>(state >> 56);
        }
    }

    [[nodiscard]] std::span<const std::byte> message(std::size_t number) const {
        return std::span(bytes_).subspan(number % windows, size_);
    }

    /// Throws if these bytes are not message `number`.
    void check(std::size_t number, std::span<const std::byte> echo) const {
        const auto sent = message(number);
        if (echo.size() != sent.size())
            throw std::runtime_error("message " + std::to_string(number) + " came back with " +
                                     std::to_string(echo.size()) + " bytes instead of " +
                                     std::to_string(sent.size()));
        if (std::memcmp(echo.data(), sent.data(), sent.size()) != 0)
            throw std::runtime_error("message " + std::to_string(number) + " came back with other bytes");
    }

private:
    static constexpr std::size_t windows = 251;

    std::size_t size_;
    std::vector<std::byte> bytes_;
};

}  // namespace example
