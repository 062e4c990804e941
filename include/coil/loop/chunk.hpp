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

/// Bytes that the kernel has written to a buffer of an io_context's pool. The bytes can be read until the
/// chunk is destroyed; the destructor returns the memory to the pool.
///
///     while (auto chunk = co_await incoming.next())
///         co_await coil::write(peer, *chunk);          // borrows the bytes
///
/// A chunk may pin a pool entry that is much larger than the chunk. If you keep the bytes for a long time,
/// call `detach`.
///
/// Threads:  Only the thread of the chunk's context.
/// Lifetime: Destroy or detach the chunk before its context ends (checked).
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
    /// Returns the bytes as text.
    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(data_), size_};
    }

    /// Removes the first `n` bytes. A chunk that becomes empty releases its memory.
    void remove_prefix(std::size_t n) noexcept;
    /// Copies the bytes to the heap and returns the buffer to the pool. Throws std::bad_alloc, or
    /// error::wrong_thread if called on a thread other than the context's.
    void detach();
    /// Releases the memory. The chunk is then empty.
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

    buffer_pool* pool_ = nullptr;  // null if the chunk is empty or its bytes are in a heap block
    std::byte* data_ = nullptr;
    std::uint32_t size_ = 0;
    // If the bytes are in the pool, the index of their pool entry. If the bytes are in a heap block, the
    // number of bytes that remove_prefix() has removed.
    std::uint32_t place_ = 0;
};

}  // namespace coil::COIL_ABI
