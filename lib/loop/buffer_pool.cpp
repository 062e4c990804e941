// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/buffer_pool.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>

#include <liburing.h>
#include <sys/mman.h>

#include <coil/base/assert.hpp>
#include <coil/base/error.hpp>
#include <coil/loop/io_context.hpp>

#include "base/poison.hpp"
#include "ring/abi.hpp"
#include "ring/buffer_ring.hpp"
#include "ring/ring.hpp"

namespace coil::COIL_ABI {
namespace {

// Large entries let one receive empty a socket. All of them together should fit into the processor's cache: the kernel walks
// through all of it.
constexpr std::size_t large_entry = 256 * 1024;
// A receive that brings 64 bytes takes a whole one, so they must be many.
constexpr std::size_t small_entry = 16 * 1024;
constexpr std::size_t entries_max = 32768;
// Little enough to be copied without a thought.
constexpr std::size_t little = 4096;
// How long those who starve wait for the next entry. A full pool of a server that sends back what it receives comes round in
// less.
constexpr auto patience_time = std::chrono::milliseconds(1);

}  // namespace

// ---- chunks --------------------------------------------------------------------------------------------------------

void chunk::release() noexcept {
    if (pool_) {
        poison(data_, size_);
        pool_->release(place_);
    } else {
        ::operator delete(data_ - place_);
    }
    pool_ = nullptr;
    data_ = nullptr;
    size_ = place_ = 0;
}

void chunk::remove_prefix(std::size_t n) noexcept {
    const auto taken = static_cast<std::uint32_t>(std::min<std::size_t>(n, size_));
    if (pool_)
        poison(data_, taken);
    else
        place_ += taken;
    data_ += taken;
    size_ -= taken;
    if (empty())
        reset();
}

void chunk::detach() {
    if (pool_)
        move_to(static_cast<std::byte*>(::operator new(size_)));
}

// Into a block of its own.
void chunk::move_to(std::byte* block) noexcept {
    std::memcpy(block, data_, size_);
    poison(data_, size_);
    pool_->release(place_);
    pool_ = nullptr;
    data_ = block;
    place_ = 0;
}

// ---- the pool ------------------------------------------------------------------------------------------------------

buffer_pool::buffer_pool(io_context& context, std::size_t size) : context_(&context) {
    allocate(size, large_entry);
    try {
        reopen();
    } catch (const std::system_error& refusal) {
        if (refusal.code() != std::errc::invalid_argument)
            throw;
        incremental_ = false;  // before 6.12
        allocate(size, small_entry);
        reopen();
    }
}

buffer_pool::buffer_pool(io_context& context, std::uint16_t group, std::size_t size, std::size_t entry_size)
    : context_(&context), group_(group), incremental_(false) {
    allocate(size, entry_size);
    reopen();
}

buffer_pool::~buffer_pool() {
    COIL_CHECK(counts_.pinned ==
               0);  // a chunk must not outlive its context: destroy it, or detach() it, before
    unpoison(memory_, size());
    ::munmap(memory_, size());
}

void buffer_pool::allocate(std::size_t size, std::size_t entry_size) {
    const std::size_t count =
        std::clamp<std::size_t>(std::bit_ceil(std::bit_ceil(size) / entry_size), 4, entries_max);
    if (memory_) {
        unpoison(memory_, this->size());
        ::munmap(memory_, this->size());
    }
    memory_ = nullptr;
    entries_.assign(count, {});
    entry_size_ = entry_size;
    ring_ = std::make_unique<ring::buffer_ring>(static_cast<unsigned>(count));
    void* memory = ::mmap(nullptr, this->size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || !ring_->data())
        throw std::bad_alloc();
    memory_ = static_cast<std::byte*>(memory);
    poison(memory_, this->size());
}

// What is held by chunks stays theirs. The rest is the new ring's, empty.
void buffer_pool::reopen() {
    ring_->clear();
    context_->register_buffers(*ring_, group(), incremental_);
    free_ = 0;
    lending_ = false;
    for (std::uint32_t number = 0; number < entries_.size(); ++number) {
        entries_[number].in_ring = false;
        if (entries_[number].chunks == 0 && !is_spare(number))
            provide(number);
    }
}

void buffer_pool::provide(std::uint32_t number) noexcept {
    entries_[number].filled = 0;
    entries_[number].in_ring = true;
    ++free_;
    ring_->provide(memory_ + number * entry_size_, entry_size_, static_cast<std::uint16_t>(number));
}

chunk buffer_pool::take(std::int32_t result, std::uint32_t flags) noexcept {
    chunk taken = take_in_place(result, flags);
    relieve(taken);
    return taken;
}

chunk buffer_pool::take_in_place(std::int32_t result, std::uint32_t flags) noexcept {
    const std::uint32_t number = flags >> IORING_CQE_BUFFER_SHIFT;
    COIL_CHECK(number < entries_.size() && entries_[number].in_ring);
    entry& from = entries_[number];
    const auto size = static_cast<std::uint32_t>(std::max(result, 0));
    COIL_CHECK(from.filled + size <= entry_size_);

    chunk taken;
    taken.pool_ = this;
    taken.data_ = memory_ + number * entry_size_ + from.filled;
    taken.size_ = size;
    taken.place_ = number;
    unpoison(taken.data_, size);
    from.filled += size;
    if (from.chunks++ == 0)
        counts_.pinned_max = std::max(counts_.pinned_max, ++counts_.pinned);
    if (!(flags & ring::abi::buffer_has_more)) {
        from.in_ring = false;
        if (--free_ == 0) {
            is_exhausted_ = true;
            context_->pool_is_exhausted();
        }
    }
    if (size == 0)
        taken.reset();
    return taken;
}

void buffer_pool::relieve(chunk& taken) noexcept {
    if (!taken.pool_ || !(is_spare(taken.place_) || (is_low() && taken.size_ <= little)))
        return;
    // Without memory it stays where it is, and holds up what it holds up.
    if (void* block = ::operator new(taken.size_, std::nothrow)) {
        taken.move_to(static_cast<std::byte*>(block));
        ++counts_.copied;
    }
}

chunk buffer_pool::share(chunk& whole, std::size_t n) noexcept {
    if (n >= whole.size_ || !whole.pool_)
        return std::move(whole);
    chunk first;
    first.pool_ = whole.pool_;
    first.data_ = whole.data_;
    first.size_ = static_cast<std::uint32_t>(n);
    first.place_ = whole.place_;
    ++whole.pool_->entries_[whole.place_].chunks;
    whole.data_ += n;
    whole.size_ -= static_cast<std::uint32_t>(n);
    return first;
}

bool buffer_pool::merge(chunk& before, chunk& next) noexcept {
    if (!before.pool_ || before.pool_ != next.pool_ || before.place_ != next.place_ ||
        before.data_ + before.size_ != next.data_)
        return false;
    before.size_ += next.size_;
    --before.pool_->entries_[before.place_].chunks;  // one holds it now, where two did
    next.pool_ = nullptr;
    next.data_ = nullptr;
    next.size_ = next.place_ = 0;
    return true;
}

void buffer_pool::release(std::uint32_t number) noexcept {
    entry& left = entries_[number];
    if (--left.chunks > 0)
        return;
    --counts_.pinned;
    if (left.in_ring)
        return;  // the kernel goes on filling it
    if (!is_spare(number)) {
        ++came_back_;
        lending_ = false;
    } else if (!lending_) {
        return;
    }
    provide(number);
}

void buffer_pool::wait_for_room(node& starved, bool asked_in_vain) noexcept {
    (asked_in_vain ? asked_in_vain_ : starved_).push_back(starved);
    is_exhausted_ = true;
    context_->pool_is_exhausted();
    if (patience_.is_linked())
        return;
    came_back_before_ = came_back_;
    context_->arm(patience_, context_->now() + patience_time);
}

// Hardly more than will find something: who asks in vain costs as much as who doesn't.
bool buffer_pool::serve_starved() noexcept {
    for (std::size_t served = 0; served < free_ * served_by_an_entry() && somebody_starves();) {
        declined_ = false;
        static_cast<void>((asked_in_vain_.empty() ? starved_ : asked_in_vain_).pop_front().run());
        if (!declined_)
            ++served;
    }
    is_exhausted_ = somebody_starves() || !has_room();
    return is_exhausted_;
}

void buffer_pool::look_after_starved() noexcept {
    // Those who have asked may have no use for it: their peers send nothing.
    while (has_room() && somebody_starves())
        serve_starved();
    if (!somebody_starves())
        return;
    if (came_back_ == came_back_before_)
        lend_spares();
    came_back_before_ = came_back_;
    context_->arm(patience_, context_->now() + patience_time);
}

// What comes into these is copied, so that they come back at once.
void buffer_pool::lend_spares() noexcept {
    lending_ = true;
    for (std::uint32_t number = 0; is_spare(number); ++number)
        if (!entries_[number].in_ring && entries_[number].chunks == 0)
            provide(number);
}

}  // namespace coil::COIL_ABI
