// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/context_ref.hpp>

#include <mutex>
#include <pthread.h>
#include <utility>

#include <coil/base/assert.hpp>
#include <coil/base/error.hpp>
#include <coil/loop/io_context.hpp>

#include "base/back_off.hpp"
#include "loop/context_life.hpp"

namespace coil::COIL_ABI {

namespace detail {

context_ref::context_ref(io_context& context) noexcept : context_ref(context.self()) {}

context_ref::context_ref(const context_ref& other) noexcept : life_(other.life_) {
    if (life_)
        life_->add_reference();
}

void context_ref::release() noexcept { life_->release(); }

io_context* context_ref::get() const noexcept {
    return life_ ? static_cast<io_context*>(life_->context()) : nullptr;
}

io_context& context_ref::operator*() const noexcept {
    io_context* context = get();
    COIL_PRECONDITION(context,
                      "context() of a handle without an io_context: it was default constructed, or its "
                      "io_context has ended; keep the io_context alive longer than what uses it");
    return *context;
}

}  // namespace detail

void work_guard::reset() noexcept {
    const detail::context_ref released = std::move(context_);
    detail::context_life* life = released.life();
    if (!life || !life->enter())
        return;
    life->context()->guard_released();
    life->leave();
}

// The list of all context_life blocks. In a child of fork(2), the fork handler resets their visitor counts.
//
// Lock order: the list's lock is taken last. An object that uses a context may hold its own lock while it
// releases a block, and the release takes the list's lock. The object's fork handlers are registered later
// than the list's handlers. Before a fork, handlers run in reverse order of registration, so the list's lock
// is taken last in this case, too.
class detail::context_life::list {
public:
    static void add(context_life& made) {
        static const int refusal = ::pthread_atfork([] { lock_.lock(); }, [] { lock_.unlock(); },
                                                    [] {
                                                        reset_visitors();
                                                        lock_.unlock();
                                                    });
        if (refusal != 0)
            detail::throw_failure(detail::system_error_code(refusal), "pthread_atfork");
        const std::lock_guard held(lock_);
        made.next_ = std::exchange(first_, &made);
    }
    static void remove(context_life& gone) noexcept {
        const std::lock_guard held(lock_);
        context_life** at = &first_;
        while (*at != &gone)
            at = &(*at)->next_;
        *at = gone.next_;
    }

private:
    static void reset_visitors() noexcept {
        for (context_life* each = first_; each; each = each->next_)
            each->visitors_.fetch_and(context_life::ended, std::memory_order_relaxed);
    }

    static constinit std::mutex lock_;
    static constinit context_life* first_;
};

constinit std::mutex detail::context_life::list::lock_;
constinit detail::context_life* detail::context_life::list::first_ = nullptr;

detail::context_life::context_life(event_loop& context) : context_(&context) { list::add(*this); }

detail::context_life::~context_life() { list::remove(*this); }

// Waits for the visitors by polling with a back-off. Polling is sufficient because, unless a visitor is
// preempted, a visit takes only a few instructions and one write to an eventfd.
void detail::context_life::end() noexcept {
    visitors_.fetch_or(ended, std::memory_order_relaxed);
    back_off waiting;
    // The acquire pairs with the release in leave(), so that the visitors' writes happen before the
    // destruction.
    while (visitors_.load(std::memory_order_acquire) != ended)
        waiting.pause();
    context_.store(nullptr, std::memory_order_relaxed);
}

}  // namespace coil::COIL_ABI
