// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "sync/worker_threads.hpp"

#include <algorithm>
#include <csignal>
#include <new>
#include <pthread.h>

#include <coil/base/assert.hpp>
#include <coil/base/error.hpp>

namespace coil::COIL_ABI::detail {
namespace {

// The signals that worker threads block. A program's signals should be delivered to the program's own
// threads. The signals for faults in the thread itself, and the profiler's SIGPROF, are not blocked.
sigset_t most_signals() noexcept {
    sigset_t most;
    sigfillset(&most);
    for (const int number: {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF})
        sigdelset(&most, number);
    return most;
}

/// Blocks most_signals() on the calling thread while this object exists (RAII). A new thread inherits the
/// mask, so it receives none of these signals before it has set its own mask. Signals that the calling thread
/// already blocks stay blocked.
class signals_blocked {
public:
    signals_blocked() noexcept {
        const sigset_t most = most_signals();
        pthread_sigmask(SIG_BLOCK, &most, &former_);
    }
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;
    ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &former_, nullptr); }

private:
    sigset_t former_{};
};

}  // namespace

worker_threads::worker_threads(const char* name, const limits& chosen, std::error_code busy)
    : limits_(chosen), name_(name), busy_(busy) {
    this_process::count_forks();
}

// Returns the mutex. Every public function calls lock(), which resets this object in a child of fork(2): the
// child has none of the threads, and one of the threads may have held the mutex during the fork. The calls
// that were queued before the fork are made only by the parent.
std::mutex& worker_threads::lock() noexcept {
    if (process_ != this_process::number()) [[unlikely]]
        start_afresh();
    return lock_;
}

// The old mutex, condition variable and threads are not destroyed, because the threads do not exist in this
// process.
void worker_threads::start_afresh() noexcept {
    new (&lock_) std::mutex;
    new (&arrived_) std::condition_variable;
    new (&threads_) std::vector<std::thread>;
    while (!queue_.empty())
        take(queue_.front());
    // The fork may have happened while a thread took a call from the queue, between its two steps.
    new (&queue_) intrusive_list<blocking_call>;
    queued_ = 0;
    idle_ = abandoned_ = 0;
    process_ = this_process::number();
}

// ---- the waiter -------------------------------------------------------------------------------------------

std::error_code worker_threads::submit(blocking_call& item) noexcept {
    {
        const std::lock_guard held(lock());
        if (closing_)
            return make_error_code(error::operation_aborted);
        const std::size_t places = idle_ + startable();
        if (queued_ >= places && queued_ - places >= limits_.queue_max)
            return busy_;
        queue_.push_back(item);
        item.stage_ = blocking_call::stage::queued;
        item.process_ = process_;
        ++queued_;
        const std::error_code failure = needs_thread() ? start_thread() : std::error_code();
        if (failure && threads_.empty()) {
            take(item);
            return failure;
        }
    }
    arrived_.notify_one();
    return {};
}

bool worker_threads::withdraw(blocking_call& item) noexcept {
    const std::lock_guard held(lock());
    return take_back(item);
}

bool worker_threads::abandon(blocking_call& item) noexcept {
    const std::lock_guard held(lock());
    if (take_back(item))
        return true;
    auto expected = blocking_call::stage::running;
    if (item.stage_.compare_exchange_strong(expected, blocking_call::stage::abandoned)) {
        ++abandoned_;
        // Start a replacement for the abandoned thread. If no thread can be started, the next thread that
        // becomes free serves the queue.
        if (needs_thread())
            static_cast<void>(start_thread());
    }
    return false;
}

bool worker_threads::take_back(blocking_call& item) noexcept {
    if (item.stage_ != blocking_call::stage::queued)
        return item.process_ != process_;  // submitted before fork(2): this process does not make the call
    take(item);
    return true;
}

void worker_threads::take(blocking_call& item) noexcept {
    item.unlink();
    item.stage_ = blocking_call::stage::idle;
    --queued_;
}

void worker_threads::set_limits(const limits& chosen) noexcept {
    {
        const std::lock_guard held(lock());
        limits_ = chosen;
        while (needs_thread() && !start_thread()) {}
    }
    arrived_.notify_all();  // threads beyond the new limit end
}

worker_threads::counters worker_threads::metrics() noexcept {
    const std::lock_guard held(lock());
    const std::size_t busy = threads_.size() - idle_;
    return {static_cast<unsigned>(threads_.size()), static_cast<unsigned>(busy - abandoned_),
            static_cast<unsigned>(abandoned_), queued_};
}

void worker_threads::close() noexcept {
    for (std::unique_lock held(lock());; held.lock()) {
        closing_ = true;
        if (queued_ == 0)
            break;
        blocking_call& item = queue_.front();
        take(item);
        held.unlock();
        item.refuse();
        item.complete();
    }
    arrived_.notify_all();
    for (std::thread& each: threads_) {
        COIL_PRECONDITION(
            each.get_id() != std::this_thread::get_id(),
            "thread_pool: destroyed by a function that runs in it; destroy it on another thread");
        each.join();
    }
}

// ---- the threads ------------------------------------------------------------------------------------------

// Returns how many more threads the limits allow.
std::size_t worker_threads::startable() const noexcept {
    const std::size_t replaced = std::min<std::size_t>(abandoned_, limits_.extra_threads);
    const std::size_t most = limits_.threads + replaced;
    return most > threads_.size() ? most - threads_.size() : 0;
}

std::error_code worker_threads::start_thread() noexcept {
    try {
        const signals_blocked here;
        threads_.emplace_back([this] { work(); });
        ++idle_;
        return {};
    } catch (const std::system_error& failure) {
        return failure.code();
    } catch (const std::bad_alloc&) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
}

// The main function of each thread.
void worker_threads::work() noexcept {
    const sigset_t most = most_signals();
    pthread_sigmask(SIG_SETMASK, &most, nullptr);
    pthread_setname_np(pthread_self(), name_);
    for (std::unique_lock held(lock_);; ++idle_) {
        arrived_.wait(held, [this] { return queued_ > 0 || closing_ || is_one_too_many(); });
        --idle_;
        if (is_one_too_many())
            return end_surplus_thread();
        if (queued_ == 0)
            return;
        blocking_call& item = queue_.front();
        take(item);
        item.stage_ = blocking_call::stage::running;
        held.unlock();
        item.perform();
        const auto last = item.stage_.exchange(blocking_call::stage::idle);
        item.complete();  // may destroy the call
        held.lock();
        if (last == blocking_call::stage::abandoned)
            --abandoned_;
    }
}

void worker_threads::end_surplus_thread() noexcept {
    const auto own = std::ranges::find(threads_, std::this_thread::get_id(), &std::thread::get_id);
    own->detach();
    threads_.erase(own);
    if (queued_ > 0)
        arrived_.notify_one();  // this wake-up may have been meant for a queued call
}

}  // namespace coil::COIL_ABI::detail
