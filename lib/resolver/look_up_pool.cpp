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

// Each use begins here. A child of fork(2) has none of the threads, and one of them may have held the lock:
// there the pool starts afresh. What the parent had queued is the parent's to ask.
std::mutex& look_up_pool::lock() noexcept {
    if (process_ != this_process::number()) [[unlikely]]
        start_afresh();
    return lock_;
}

// What is replaced here is not destroyed: it has waiters that are not in this process.
void look_up_pool::start_afresh() noexcept {
    new (&lock_) std::mutex;
    new (&arrived_) std::condition_variable;
    while (!queue_.empty()) {
        look_up& question = queue_.front();
        take(question);
        question.state = look_up::phase::running;  // in the parent
    }
    threads_ = idle_ = abandoned_ = 0;
    process_ = this_process::number();
}

// ---- who waits -----------------------------------------------------------------------------------------------------

std::error_code look_up_pool::submit(look_up& question) noexcept {
    {
        const std::lock_guard held(lock());
        const std::size_t places = idle_ + startable();
        if (queued_ >= places && queued_ - places >= limits_.queue_max)
            return make_error_code(error::resolver_busy);
        queue_.push_back(question);
        question.state = look_up::phase::queued;
        question.process = process_;
        ++queued_;
        if (const std::error_code failure = start_if_wanted(); failure && threads_ == 0) {
            take(question);
            return failure;
        }
    }
    arrived_.notify_one();
    return {};
}

bool look_up_pool::let_go(look_up& question) noexcept {
    const std::lock_guard held(lock());
    if (question.state == look_up::phase::queued) {
        take(question);
        return true;
    }
    if (question.process != process_ &&
        question.state == look_up::phase::running) {  // by no thread of this process
        question.state = look_up::phase::idle;
        return true;
    }
    if (question.state == look_up::phase::running) {
        question.state = look_up::phase::abandoned;
        ++abandoned_;
        // In the place of the one that was lost. If it can't be had now, the next to finish will do.
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
    arrived_.notify_all();  // those that are too many now
}

ip::resolver_base::counters look_up_pool::metrics() noexcept {
    const std::lock_guard held(lock());
    return {threads_, threads_ - idle_ - abandoned_, abandoned_, queued_};
}

// ---- the threads ---------------------------------------------------------------------------------------------------

unsigned look_up_pool::startable() const noexcept {
    const unsigned for_somebody = threads_ - abandoned_;
    const unsigned all_max = limits_.threads + limits_.abandoned_max;
    if (for_somebody >= limits_.threads || threads_ >= all_max)
        return 0;
    return std::min(limits_.threads - for_somebody, all_max - threads_);
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

void look_up_pool::take(look_up& question) noexcept {
    question.unlink();
    question.state = look_up::phase::idle;
    --queued_;
}

// A thread's life.
void look_up_pool::work() noexcept {
    pthread_setname_np(pthread_self(), "coil resolver");
    for (std::unique_lock held(lock_);; ++idle_) {
        arrived_.wait(held, [this] { return queued_ > 0 || is_one_too_many(); });
        --idle_;
        if (is_one_too_many()) {
            --threads_;
            if (queued_ > 0)
                arrived_.notify_one();  // it may have been called for that
            return;
        }
        look_up& question = queue_.front();
        take(question);
        question.state = look_up::phase::running;
        held.unlock();
        question.ask();
        held.lock();
        if (question.state == look_up::phase::abandoned)
            --abandoned_;
        question.state = look_up::phase::idle;
        held.unlock();
        question.complete();  // from here on it may be gone
        held.lock();
    }
}

}  // namespace coil::COIL_ABI::detail
