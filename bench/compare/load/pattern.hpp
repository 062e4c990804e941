// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

namespace compare {

/// An endless sequence of bytes that is different for each seed. Each byte depends on its position, so
/// check() detects lost, duplicated and reordered bytes, and bytes from another connection.
class pattern {
public:
    explicit pattern(std::uint64_t seed) noexcept : seed_(seed), begin_(mixed(seed + 1)) {}

    [[nodiscard]] std::byte at(std::uint64_t position) const noexcept {
        return static_cast<std::byte>(mixed(begin_ + position / 8) >> (position % 8 * 8));
    }

    void fill(std::span<std::byte> bytes, std::uint64_t position) const noexcept {
        for (std::byte& each: bytes)
            each = at(position++);
    }

    /// Throws if `bytes` differ from the sequence at `position`.
    void check(std::span<const std::byte> bytes, std::uint64_t position) const {
        for (const std::byte each: bytes) {
            if (each != at(position))
                throw std::runtime_error("byte " + std::to_string(position) + " of seed " +
                                         std::to_string(seed_) + " came back changed");
            ++position;
        }
    }

private:
    static std::uint64_t mixed(std::uint64_t value) noexcept {
        value *= 0x9e3779b97f4a7c15u;
        value ^= value >> 32;
        value *= 0xd6e8feb86659fd93u;
        value ^= value >> 32;
        return value * 0xd6e8feb86659fd93u;
    }

    std::uint64_t seed_;
    std::uint64_t begin_;
};

}  // namespace compare
