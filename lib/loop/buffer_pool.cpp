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

#include <coil/base/assert.hpp>
#include <coil/base/error.hpp>
#include <coil/loop/event_loop.hpp>

#include "base/mapping.hpp"
#include "base/poison.hpp"
#include "ring/abi.hpp"
#include "ring/buffer_ring.hpp"
#include "ring/ring.hpp"

namespace coil::COIL_ABI {
namespace {

// The size of an entry on kernel 6.12 and later, large enough for one receive to empty a socket. The kernel
// cycles through all entries, so all entries together should fit into the CPU cache.
constexpr std::size_t large_entry = 256 * 1024;
// The size of an entry on older kernels. On these kernels, even a receive of 64 bytes uses a whole entry, so
// there must be many entries.
constexpr std::size_t small_entry = 16 * 1024;
constexpr std::size_t entries_max = 32768;
// Chunks up to this size are copied to the heap if the pool is low.
constexpr std::size_t little = 4096;
// Copying a chunk up to this size costs less than keeping the chunk in the pool.
constexpr std::size_t tiny = 256;
// The time that streams wait before the reserve or the spares are used. A server that echoes received bytes
// returns an entry within a shorter time, even if all entries are in use.
constexpr auto stall_time = std::chrono::milliseconds(1);

constexpr const char* chunk_released = "chunk: destroyed or reset";

/// The header that precedes the bytes of a chunk on the heap.
struct alignas(16) block_header {
    buffer_pool* holder;  // the pool that counts this block; null after a detach
    std::uint32_t capacity;

    [[nodiscard]] std::size_t size() const noexcept { return sizeof(block_header) + capacity; }
};

block_header& header_of(std::byte* bytes) noexcept {
    return *reinterpret_cast<block_header*>(bytes - sizeof(block_header));
}

std::byte* make_block(void* memory, buffer_pool* holder, std::size_t capacity) noexcept {
    auto* header = new (memory) block_header{holder, static_cast<std::uint32_t>(capacity)};
    if (holder)
        holder->hold(header->size());
    return reinterpret_cast<std::byte*>(header + 1);
}

void release_holder(block_header& header) noexcept {
    if (buffer_pool* holder = std::exchange(header.holder, nullptr))
        holder->release_held(header.size());
}

// The maximum capacity of a block that collects small chunks.
constexpr std::size_t block_max = 4096 - sizeof(block_header);

}  // namespace

// ---- chunks -----------------------------------------------------------------------------------------------

void chunk::release() noexcept {
    if (pool_) {
        poison(data_, size_);
        pool_->release(place_);
    } else {
        block_header& header = header_of(data_ - place_);
        release_holder(header);
        ::operator delete(&header);
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
    const buffer_pool* pool = pool_ ? pool_ : data_ ? header_of(data_ - place_).holder : nullptr;
    if (pool && pool->context_)
        pool->context_->check_thread("chunk::detach");
    if (pool_)
        move_to(make_block(::operator new(sizeof(block_header) + size_), nullptr, size_));
    else if (data_)
        release_holder(header_of(data_ - place_));
}

std::uint32_t chunk::capacity() const noexcept {
    return pool_ || !data_ ? 0 : header_of(data_ - place_).capacity;
}

// Copies the bytes to `block`. From then on, the chunk owns `block` and no longer pins its entry.
void chunk::move_to(std::byte* block) noexcept {
    std::memcpy(block, data_, size_);
    poison(data_, size_);
    pool_->release(place_);
    pool_ = nullptr;
    data_ = block;
    place_ = 0;
}

// ---- the pool ---------------------------------------------------------------------------------------------

buffer_pool::buffer_pool(detail::event_loop& context, std::size_t size) : context_(&context) {
    allocate(size, large_entry);
    try {
        reopen();
    } catch (const std::system_error& refusal) {
        if (refusal.code() != std::errc::invalid_argument)
            throw;
        incremental_ = false;  // the kernel is older than 6.12
        allocate(size, small_entry);
        reopen();
    }
}

buffer_pool::buffer_pool(detail::event_loop& context, std::uint16_t group, std::size_t size,
                         std::size_t entry_size)
    : context_(&context), group_(group), incremental_(false) {
    allocate(size, entry_size);
    reopen();
}

buffer_pool::~buffer_pool() {
    COIL_PRECONDITION(counts_.pinned == 0 && context_->pools().held() == 0,
                      "chunk: outlives its io_context; destroy it before, or detach() it to keep the bytes");
}

void buffer_pool::allocate(std::size_t size, std::size_t entry_size) {
    const std::size_t count =
        std::clamp<std::size_t>(std::bit_ceil(std::bit_ceil(size) / entry_size), 4, entries_max);
    ring_.reset();
    memory_.reset();
    entries_.assign(count, {});
    entry_size_ = entry_size;
    ring_ = std::make_unique<ring::buffer_ring>(static_cast<unsigned>(count));
    memory_ = std::make_unique<detail::mapping>(this->size());
    if (!memory_->data() || !ring_->data())
        throw std::bad_alloc();
    buffers_ = memory_->data();
    poison(buffers_, this->size());
}

// Registers the buffers with a new ring. Chunks keep the entries that they hold. The new ring gets all other
// entries except the spares.
void buffer_pool::reopen() {
    ring_->clear();
    context_->pools().register_buffers(*ring_, group(), incremental_);
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
    ring_->provide(buffers_ + number * entry_size_, entry_size_, static_cast<std::uint16_t>(number));
}

chunk buffer_pool::take(std::int32_t result, std::uint32_t flags) noexcept {
    const std::uint32_t number = flags >> IORING_CQE_BUFFER_SHIFT;
    COIL_CHECK(number < entries_.size() && entries_[number].in_ring);
    entry& from = entries_[number];
    const auto size = static_cast<std::uint32_t>(std::max(result, 0));
    COIL_CHECK(from.filled + size <= entry_size_);

    chunk taken;
    taken.pool_ = this;
    taken.data_ = buffers_ + number * entry_size_ + from.filled;
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
            context_->pools().set_exhausted();
        }
    }
    if (size == 0)
        taken.reset();
    return taken;
}

bool buffer_pool::should_copy(const chunk& taken) const noexcept {
    return group_ == detail::pool_group::reserve || is_spare(taken.place_) ||
           (is_low() && taken.size_ <= little && context_->pools().may_hold_more(is_for_datagrams()));
}

void buffer_pool::copy_if_low(chunk& taken) noexcept {
    if (taken.pool_ && should_copy(taken))
        copy_out(taken, taken.size_);
}

// Copies the chunk to a heap block. If memory runs out, the chunk stays in the pool and continues to pin its
// entry.
void buffer_pool::copy_out(chunk& taken, std::size_t capacity) noexcept {
    void* memory = ::operator new(sizeof(block_header) + capacity, std::nothrow);
    if (!memory)
        return;
    taken.move_to(make_block(memory, this, capacity));
    ++counts_.copied;
}

bool buffer_pool::join(chunk& last, chunk& next, bool crowded) noexcept {
    if (merge(last, next))
        return true;
    if (!should_copy(next) && !(crowded && next.size_ <= tiny))
        return false;
    if (append(last, next)) {
        ++counts_.copied;
        return true;
    }
    // Each block is twice as large as the previous block, so a few bytes use little memory and many bytes use
    // few blocks.
    const std::size_t room = std::clamp<std::size_t>(2 * last.capacity(), 64, block_max);
    copy_out(next, std::max<std::size_t>(room, next.size_));
    return false;
}

bool buffer_pool::append(chunk& last, chunk& next) noexcept {
    if (last.pool_ || last.capacity() - last.place_ - last.size_ < next.size_)
        return false;
    std::memcpy(last.data_ + last.size_, next.data_, next.size_);
    last.size_ += next.size_;
    next.reset();
    return true;
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
    --before.pool_->entries_[before.place_].chunks;  // one chunk now holds the entry instead of two
    next.pool_ = nullptr;
    next.data_ = nullptr;
    next.size_ = next.place_ = 0;
    return true;
}

void buffer_pool::hold(std::size_t bytes) noexcept { context_->pools().hold(bytes, is_for_datagrams()); }

void buffer_pool::release_held(std::size_t bytes) noexcept {
    if (!context_) [[unlikely]]
        return;
    context_->require_thread(chunk_released);
    context_->pools().release_held(bytes, is_for_datagrams());
}

void buffer_pool::release(std::uint32_t number) noexcept {
    if (!context_) [[unlikely]]
        return;
    context_->require_thread(chunk_released);
    entry& left = entries_[number];
    if (--left.chunks > 0)
        return;
    --counts_.pinned;
    if (left.in_ring)
        return;  // the kernel is still filling the entry
    if (!is_spare(number)) {
        ++came_back_;
        lending_ = false;
    } else if (!lending_) {
        return;
    }
    provide(number);
}

void buffer_pool::wait_for_room(detail::node& starved, bool got_enobufs) noexcept {
    (got_enobufs ? got_enobufs_ : waiting_).push_back(starved);
    is_exhausted_ = true;
    context_->pools().set_exhausted();
    if (stall_timer_.is_linked())
        return;
    came_back_before_ = came_back_;
    context_->arm(stall_timer_, context_->now() + stall_time);
}

// Returns the number of waiting streams that may submit a receive now. The number of free entries limits this
// number, because further receives would fail with ENOBUFS, and each failed receive costs as much as a
// successful one.
std::size_t buffer_pool::submit_budget() const noexcept {
    if (has_room() || !lending_ || is_for_datagrams())
        return free_ * (incremental_ ? submits_per_entry_ : 1);
    return context_->pools().reserve().free_;
}

// Runs the first waiter. Returns false if the waiter no longer needed a buffer.
bool buffer_pool::serve_one() noexcept {
    skipped_ = false;
    static_cast<void>((got_enobufs_.empty() ? waiting_ : got_enobufs_).pop_front().run());
    return !skipped_;
}

bool buffer_pool::serve_waiting_streams() noexcept {
    const std::size_t room = submit_budget();
    for (std::size_t left = room; left > 0 && has_waiting_streams();)
        if (serve_one())
            --left;
    if (room > 0)
        submits_per_entry_ = std::min<std::uint8_t>(2 * submits_per_entry_, submits_per_entry_max);
    is_exhausted_ = has_waiting_streams() || !has_room();
    return is_exhausted_;
}

// Called by stall_timer_. Streams in waiting_ have not received ENOBUFS, and may have no data to receive. A
// receive without data uses no entry, so all these streams may submit a receive while an entry is free. A
// stream that then gets ENOBUFS moves to got_enobufs_, and submits its next receive only when an entry
// becomes free.
void buffer_pool::schedule_waiting_streams() noexcept {
    serve_waiting_streams();
    while (got_enobufs_.empty() && !waiting_.empty() && submit_budget() > 0)
        serve_one();
    if (!has_waiting_streams())
        return;
    if (came_back_ == came_back_before_)
        lend();
    came_back_before_ = came_back_;
    context_->arm(stall_timer_, context_->now() + stall_time);
}

// Makes the reserve and the spares available. Bytes received into these entries are copied to the heap, so
// that the entries are returned immediately.
void buffer_pool::lend() noexcept {
    lending_ = true;
    for (std::uint32_t number = 0; is_spare(number); ++number)
        if (!entries_[number].in_ring && entries_[number].chunks == 0)
            provide(number);
}

}  // namespace coil::COIL_ABI
