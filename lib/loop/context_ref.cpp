// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/context_ref.hpp>

#include <ctime>

#include <coil/loop/io_context.hpp>

namespace coil::COIL_ABI {

context_ref::context_ref(io_context& context) noexcept : context_ref(context.self()) {}

// A visitor is inside for a few instructions and one write of an eventfd, unless it has lost its CPU. A short sleep instead of
// sched_yield(2): under SCHED_FIFO a yield would keep a visitor of lower priority from its CPU.
void detail::context_life::end() noexcept {
    visitors_.fetch_or(ended, std::memory_order_relaxed);
    constexpr timespec pause{0, 50'000};
    // Acquire: pairs with the release in leave(); what the visitors did comes before the destruction.
    while (visitors_.load(std::memory_order_acquire) != ended)
        ::nanosleep(&pause, nullptr);
    context_.store(nullptr, std::memory_order_relaxed);
}

}  // namespace coil::COIL_ABI
