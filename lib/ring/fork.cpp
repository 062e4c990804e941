// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/fork.hpp"

#include <atomic>
#include <pthread.h>

#include <coil/base/error.hpp>

#include "ring/ring.hpp"

namespace coil::COIL_ABI::ring {
namespace {

constinit std::mutex rings_lock;
constinit ring* first = nullptr;
constinit std::atomic<unsigned> forks_so_far{0};

}  // namespace

std::mutex& forks::lock() noexcept { return rings_lock; }

unsigned forks::count() noexcept { return forks_so_far.load(std::memory_order_relaxed); }

void forks::add(ring& made) {
    static const int refusal = ::pthread_atfork(
        [] {
            rings_lock.lock();
            forks_so_far.fetch_add(1, std::memory_order_relaxed);
        },
        [] { rings_lock.unlock(); },
        [] {
            forget_all();
            rings_lock.unlock();
        });
    if (refusal != 0)
        detail::throw_failure(detail::system_error_code(refusal), "pthread_atfork");
    const std::lock_guard held(rings_lock);
    made.next_ = first;
    first = &made;
}

void forks::remove(ring& gone) noexcept {
    const std::lock_guard held(rings_lock);
    for (ring** at = &first; *at; at = &(*at)->next_) {
        if (*at == &gone) {
            *at = gone.next_;
            return;
        }
    }
}

void forks::forget_all() noexcept {
    for (ring* each = first; each; each = each->next_)
        each->forget();
}

}  // namespace coil::COIL_ABI::ring
