// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace coil::COIL_ABI {

class buffer_pool;

/// Bytes that the kernel has put into a buffer of the context's pool. Its owner may read them as long as he likes; when it
/// is destroyed the memory goes back to the pool.
///
///     while (auto chunk = co_await incoming.next())
///         co_await coil::write(peer, *chunk);          // borrows the bytes
///
/// A chunk may hold up far more of the pool than its own size: one that is kept for long is better `detach`ed.
///
/// Threads:  its context's.
/// Lifetime: destroyed, or detached, before its context (checked).
class chunk {
public:
    chunk() noexcept = default;
    chunk(chunk&& other) noexcept { take(other); }
    chunk& operator=(chunk&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    ~chunk() { reset(); }

    [[nodiscard]] const std::byte* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] const std::byte* begin() const noexcept { return data_; }
    [[nodiscard]] const std::byte* end() const noexcept { return data_ + size_; }
    /// The bytes, as text.
    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(data_), size_};
    }

    /// Takes bytes off its front: they were dealt with.
    void remove_prefix(std::size_t n) noexcept;
    /// Copies the bytes into memory of their own, and gives the pool's back. Throws std::bad_alloc; error::wrong_thread on
    /// another thread than that of its context.
    void detach();
    /// Gives the bytes back; it is empty then.
    void reset() noexcept {
        if (data_)
            release();
    }

private:
    friend class buffer_pool;

    void release() noexcept;
    void move_to(std::byte* block) noexcept;
    [[nodiscard]] std::uint32_t capacity() const noexcept;

    void take(chunk& other) noexcept {
        pool_ = std::exchange(other.pool_, nullptr);
        data_ = std::exchange(other.data_, nullptr);
        size_ = std::exchange(other.size_, 0);
        place_ = std::exchange(other.place_, 0);
    }

    buffer_pool* pool_ = nullptr;  // null: the bytes are a block of their own
    std::byte* data_ = nullptr;
    std::uint32_t size_ = 0;
    std::uint32_t place_ = 0;  // the pool's entry; or how many bytes of its own block were taken off
};

}  // namespace coil::COIL_ABI
