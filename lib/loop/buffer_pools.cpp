// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/buffer_pools.hpp>

#include <algorithm>
#include <exception>

#include <coil/loop/buffer_pool.hpp>
#include <coil/loop/event_loop.hpp>

#include "loop/datagram_layout.hpp"
#include "ring/ring.hpp"

namespace coil::COIL_ABI::detail {
namespace {

// The bulk pool needs only a few entries, because a stream gets a free entry after a short wait. All entries
// of the bulk pool together fit into a core's cache.
constexpr std::size_t bulk_entry = 128 * 1024;
constexpr std::size_t bulk_share = 4;
constexpr std::size_t reserve_entry = 4096;
constexpr std::size_t reserve_share = 16;

}  // namespace

buffer_pools::buffer_pools(event_loop& context) noexcept : context_(context) {}

buffer_pools::~buffer_pools() = default;

buffer_pool& buffer_pools::streams() {
    context_.check_thread("io_context::pool");
    static_assert(count == pool_group::count && pool_group::reserve == count - 1);
    const std::size_t size = context_.chosen().pool_size;
    auto& reserve = pools_[pool_group::reserve];
    if (!reserve)
        reserve = make_owned<buffer_pool>(context_, pool_group::reserve, size / reserve_share, reserve_entry);
    auto& made = pools_[pool_group::streams];
    if (!made)
        made = make_owned<buffer_pool>(context_, size);
    return *made;
}

buffer_pool* buffer_pools::bulk() {
    context_.check_thread("io_context::pool");
    auto& made = pools_[pool_group::bulk];
    if (std::exchange(is_bulk_wanted_, true))
        return made.get();
    try {
        if (!streams().is_incremental())
            made = make_owned<buffer_pool>(context_, pool_group::bulk,
                                           context_.chosen().pool_size / bulk_share, bulk_entry);
    } catch (const std::exception&) {
        return nullptr;  // streams continue with the entries of streams()
    }
    return made.get();
}

buffer_pool& buffer_pools::datagrams(bool trains) {
    context_.check_thread("recvfrom_stream");
    const std::uint16_t group = trains ? pool_group::trains : pool_group::datagrams;
    auto& made = pools_[group];
    if (!made) {
        const context_options& options = context_.chosen();
        const std::size_t size_max = std::min(options.datagram_max, datagram_size_max);
        const std::size_t entry_size =
            trains ? train_layout.entry_size(datagram_size_max) : single_layout.entry_size(size_max);
        made = make_owned<buffer_pool>(context_, group, options.pool_size, entry_size);
    }
    return *made;
}

std::size_t buffer_pools::ahead_max() const noexcept {
    const auto& pool = pools_[pool_group::streams];
    return std::min(context_.chosen().ahead_max, pool ? pool->size() / 4 : 0);
}

bool buffer_pools::may_hold_more(bool datagrams) const noexcept {
    return held_[datagrams] < context_.chosen().held_max;
}

void buffer_pools::serve_waiting_streams() noexcept {
    is_exhausted_ = false;
    for_each([this](buffer_pool& each) {
        if (each.serve_waiting_streams())
            is_exhausted_ = true;
    });
}

void buffer_pools::register_buffers(const ring::buffer_ring& buffers, std::uint16_t group, bool incremental) {
    ring::ring& ring = context_.opened_ring();
    if (const int failure = ring.register_buffers(buffers, group, incremental); failure < 0)
        throw_failure(system_error_code(-failure), "io_uring_register(IORING_REGISTER_PBUF_RING)");
}

void buffer_pools::reopen() {
    for_each([](buffer_pool& each) { each.reopen(); });
}

void buffer_pools::leave() noexcept {
    for (auto& each: pools_)
        if (buffer_pool* left = each.release())
            left->context_ended();
}

}  // namespace coil::COIL_ABI::detail
