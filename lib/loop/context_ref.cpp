// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/context_ref.hpp>

#include <coil/base/assert.hpp>
#include <coil/loop/io_context.hpp>

#include "base/back_off.hpp"
#include "loop/context_life.hpp"

namespace coil::COIL_ABI {

context_ref::context_ref(io_context& context) noexcept : context_ref(context.self()) {}

context_ref::context_ref(const context_ref& other) noexcept : life_(other.life_) {
    if (life_)
        life_->add_reference();
}

void context_ref::release() noexcept { life_->release(); }

io_context* context_ref::get() const noexcept { return life_ ? life_->context() : nullptr; }

io_context& context_ref::operator*() const noexcept {
    io_context* context = get();
    COIL_PRECONDITION(context,
                      "context() of a handle without an io_context: it was default constructed, or its "
                      "io_context has ended; keep the io_context alive longer than what uses it");
    return *context;
}

void work_guard::reset() noexcept {
    const context_ref released = std::move(context_);
    detail::context_life* life = released.life();
    if (!life || !life->enter())
        return;
    life->context()->guard_released();
    life->leave();
}

// A visitor is inside for a few instructions and one write of an eventfd, unless it has lost its CPU.
void detail::context_life::end(bool is_child) noexcept {
    visitors_.fetch_or(ended, std::memory_order_relaxed);
    back_off waiting;
    // Acquire: pairs with the release in leave(); what the visitors did comes before the destruction.
    while (!is_child && visitors_.load(std::memory_order_acquire) != ended)
        waiting.pause();
    context_.store(nullptr, std::memory_order_relaxed);
}

}  // namespace coil::COIL_ABI
