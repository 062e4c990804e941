// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/context_ref.hpp>

#include <coil/loop/io_context.hpp>

#include "base/back_off.hpp"

namespace coil::COIL_ABI {

context_ref::context_ref(io_context& context) noexcept : context_ref(context.self()) {}

// A visitor is inside for a few instructions and one write of an eventfd, unless it has lost its CPU.
void detail::context_life::end() noexcept {
    visitors_.fetch_or(ended, std::memory_order_relaxed);
    back_off waiting;
    // Acquire: pairs with the release in leave(); what the visitors did comes before the destruction.
    while (visitors_.load(std::memory_order_acquire) != ended)
        waiting.pause();
    context_.store(nullptr, std::memory_order_relaxed);
}

}  // namespace coil::COIL_ABI
