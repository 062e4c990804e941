// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace coil::COIL_ABI::detail {

/// A ring buffer that holds the messages of a channel in one block of memory. It grows in reserve() and never
/// shrinks.
///
///     block_    [ ][ ][c][d][e][ ]      places_ = 6, head_ = 2, size_ = 3
template <class T>
class channel_queue {
public:
    channel_queue() noexcept = default;
    channel_queue(const channel_queue&) = delete;
    channel_queue& operator=(const channel_queue&) = delete;
    ~channel_queue() {
        while (!empty())
            pop_front();
        free_block();
    }

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t places() const noexcept { return places_; }

    /// Grows the block to at least `places` slots.
    void reserve(std::size_t places) {
        if (places > places_)
            move_to_block(places);
    }

    // Precondition of push_back() and push_front(): size() < places().
    void push_back(T&& item) noexcept {
        std::construct_at(place(size_), std::move(item));
        ++size_;
    }
    void push_front(T&& item) noexcept {
        head_ = (head_ == 0 ? places_ : head_) - 1;
        std::construct_at(place(0), std::move(item));
        ++size_;
    }

    T pop_front() noexcept {
        T* first = place(0);
        T item = std::move(*first);
        std::destroy_at(first);
        head_ = head_ + 1 == places_ ? 0 : head_ + 1;
        --size_;
        return item;
    }

private:
    [[nodiscard]] T* place(std::size_t index) const noexcept {
        const std::size_t until_end = places_ - head_;
        return block_ + (index < until_end ? head_ + index : index - until_end);
    }

    void move_to_block(std::size_t places) {
        T* block = std::allocator<T>().allocate(places);
        for (std::size_t i = 0; i < size_; ++i) {
            std::construct_at(block + i, std::move(*place(i)));
            std::destroy_at(place(i));
        }
        free_block();
        block_ = block;
        places_ = places;
        head_ = 0;
    }
    void free_block() noexcept {
        if (block_)
            std::allocator<T>().deallocate(block_, places_);
    }

    T* block_ = nullptr;
    std::size_t places_ = 0;
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

}  // namespace coil::COIL_ABI::detail
