// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "resolver/look_up_pool.hpp"

#include <algorithm>
#include <new>
#include <pthread.h>
#include <thread>

#include <coil/resolver/error.hpp>

#include "sync/signals_blocked.hpp"

namespace coil::COIL_ABI::detail {

look_up_pool& look_up_pool::of_process() {
    static look_up_pool* const pool = new look_up_pool;
    return *pool;
}

// Every public function calls this first. A child of fork(2) has none of the pool's threads, and one of those
// threads may have held the lock at the fork. Therefore the child resets the pool. The parent still performs
// the queries that it has queued.
std::mutex& look_up_pool::lock() noexcept {
    if (process_ != this_process::number()) [[unlikely]]
        start_afresh();
    return lock_;
}

// The old mutex and condition variable are not destroyed, because threads that do not exist in this process
// may be waiting for them.
void look_up_pool::start_afresh() noexcept {
    new (&lock_) std::mutex;
    new (&arrived_) std::condition_variable;
    while (!queue_.empty()) {
        look_up& query = queue_.front();
        take(query);
        query.state = look_up::phase::running;  // on a thread of the parent
    }
    threads_ = idle_ = abandoned_ = 0;
    process_ = this_process::number();
}

// ---- the waiter ------------------------------------------------------------------------------------------

std::error_code look_up_pool::submit(look_up& query) noexcept {
    {
        const std::lock_guard held(lock());
        const std::size_t places = idle_ + startable();
        if (queued_ >= places && queued_ - places >= limits_.queue_max)
            return make_error_code(error::resolver_busy);
        queue_.push_back(query);
        query.state = look_up::phase::queued;
        query.process = process_;
        ++queued_;
        if (const std::error_code failure = start_if_wanted(); failure && threads_ == 0) {
            take(query);
            return failure;
        }
    }
    arrived_.notify_one();
    return {};
}

bool look_up_pool::abandon(look_up& query) noexcept {
    const std::lock_guard held(lock());
    if (query.state == look_up::phase::queued) {
        take(query);
        return true;
    }
    // After fork(2), the query is running on a thread of the parent. That thread does not exist in this
    // process.
    if (query.process != process_ && query.state == look_up::phase::running) {
        query.state = look_up::phase::idle;
        return true;
    }
    if (query.state == look_up::phase::running) {
        query.state = look_up::phase::abandoned;
        ++abandoned_;
        // Starts a replacement for the abandoned thread. If that fails, the next thread to finish serves
        // the queue.
        static_cast<void>(start_if_wanted());
    }
    return false;
}

void look_up_pool::set_limits(const ip::resolver_base::limits& chosen) noexcept {
    {
        const std::lock_guard held(lock());
        limits_ = chosen;
        limits_.threads = std::max(1u, limits_.threads);
        while (queued_ > idle_ && startable() > 0 && !start_if_wanted()) {}
    }
    arrived_.notify_all();  // threads beyond the new limit end
}

ip::resolver_base::counters look_up_pool::metrics() noexcept {
    const std::lock_guard held(lock());
    return {threads_, threads_ - idle_ - abandoned_, abandoned_, queued_};
}

// ---- the threads -----------------------------------------------------------------------------------------

unsigned look_up_pool::startable() const noexcept {
    const unsigned for_a_waiter = threads_ - abandoned_;
    const unsigned all_max = limits_.threads + limits_.abandoned_max;
    if (for_a_waiter >= limits_.threads || threads_ >= all_max)
        return 0;
    return std::min(limits_.threads - for_a_waiter, all_max - threads_);
}

bool look_up_pool::is_one_too_many() const noexcept { return threads_ - abandoned_ > limits_.threads; }

std::error_code look_up_pool::start_if_wanted() noexcept {
    if (queued_ <= idle_ || startable() == 0)
        return {};
    try {
        const signals_blocked here;
        std::thread([this] { work(); }).detach();
    } catch (const std::system_error& failure) {
        return failure.code();
    } catch (const std::bad_alloc&) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
    ++threads_;
    ++idle_;
    return {};
}

void look_up_pool::take(look_up& query) noexcept {
    query.unlink();
    query.state = look_up::phase::idle;
    --queued_;
}

// The main function of each lookup thread.
void look_up_pool::work() noexcept {
    pthread_setname_np(pthread_self(), "coil resolver");
    for (std::unique_lock held(lock_);; ++idle_) {
        arrived_.wait(held, [this] { return queued_ > 0 || is_one_too_many(); });
        --idle_;
        if (is_one_too_many()) {
            --threads_;
            if (queued_ > 0)
                arrived_.notify_one();  // this wake-up may have been meant for a queued query
            return;
        }
        look_up& query = queue_.front();
        take(query);
        query.state = look_up::phase::running;
        held.unlock();
        query.perform();
        held.lock();
        if (query.state == look_up::phase::abandoned)
            --abandoned_;
        query.state = look_up::phase::idle;
        held.unlock();
        query.complete();  // may destroy the query
        held.lock();
    }
}

}  // namespace coil::COIL_ABI::detail
