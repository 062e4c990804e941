// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/thread_pool.hpp>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <pthread.h>
#include <thread>
#include <vector>

#include <coil/base/assert.hpp>
#include <coil/base/intrusive_list.hpp>
#include <coil/coro/frame_allocator.hpp>
#include <coil/sync/offload.hpp>

#include "base/process.hpp"
#include "sync/signals_blocked.hpp"

namespace coil::COIL_ABI {
namespace detail {
namespace {

class offload_handover final : public handover {
public:
    static offload_handover* make() {
        return new (frame_allocate(sizeof(offload_handover))) offload_handover;
    }

private:
    offload_handover() noexcept = default;
    ~offload_handover() = default;

    void discard() noexcept override {
        this->~offload_handover();
        frame_deallocate(this, sizeof(offload_handover));
    }
};

}  // namespace

/// The state that the pool's threads and the queued operations share.
class thread_pool_core {
public:
    explicit thread_pool_core(const thread_pool::options& chosen)
        : threads_max_(chosen.threads != thread_pool::threads_by_machine
                           ? chosen.threads
                           : std::max(2u, std::thread::hardware_concurrency())),
          queue_max_(chosen.queue_max) {
        this_process::count_forks();
        threads_.reserve(threads_max_);
    }

    // If this returns an error, `item` has not been queued.
    std::error_code enqueue(offload_operation_base& item) noexcept {
        {
            const std::lock_guard held(lock());
            if (closing_)
                return make_error_code(error::operation_aborted);
            const std::size_t places = idle_ + (threads_max_ - threads_.size());
            if (queued_ >= places && queued_ - places >= queue_max_)
                return std::make_error_code(std::errc::resource_unavailable_try_again);
            if (queued_ >= idle_ && threads_.size() < threads_max_) {
                const std::error_code failure = start_thread();
                if (failure && threads_.empty())
                    return failure;
            }
            queue_.push_back(item);
            item.queued_ = true;
            item.process_ = process_;
            ++queued_;
        }
        arrived_.notify_one();
        return {};
    }

    // Returns false if `item` is no longer in the queue because a thread is running it and will complete it.
    bool withdraw(offload_operation_base& item) noexcept {
        const std::lock_guard held(lock());
        if (!item.queued_)
            return item.process_ != process_;  // after fork(2), no thread of this process runs it
        take(item);
        return true;
    }

    void close() noexcept {
        for (std::unique_lock held(lock());; held.lock()) {
            closing_ = true;
            if (queued_ == 0)
                break;
            offload_operation_base& item = queue_.front();
            take(item);
            item.error_ = make_error_code(error::operation_aborted);
            held.unlock();
            item.handover_->complete();
        }
        arrived_.notify_all();
        for (std::thread& each: threads_) {
            COIL_PRECONDITION(
                each.get_id() != std::this_thread::get_id(),
                "thread_pool: destroyed by a function that runs in it; destroy it on another thread");
            each.join();
        }
    }

    thread_pool::counters metrics() {
        const std::lock_guard held(lock());
        return {static_cast<unsigned>(threads_.size()), queued_, threads_.size() - idle_};
    }

private:
    // All functions except work() use this to lock. A child of fork(2) has none of the pool's threads, and
    // one of them may have held the lock during the fork, so the pool starts afresh in the child. Functions
    // that were queued before the fork run only in the parent.
    std::mutex& lock() noexcept {
        if (process_ != this_process::number()) [[unlikely]]
            start_afresh();
        return lock_;
    }

    // The replaced objects are not destroyed, because their waiters and threads do not exist in this process.
    void start_afresh() noexcept {
        new (&lock_) std::mutex;
        new (&arrived_) std::condition_variable;
        new (&threads_) std::vector<std::thread>;
        while (!queue_.empty())
            take(queue_.front());
        idle_ = 0;
        process_ = this_process::number();
    }

    std::error_code start_thread() noexcept {
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

    // The thread function.
    void work() noexcept {
        pthread_setname_np(pthread_self(), "coil pool");
        for (std::unique_lock held(lock_);; ++idle_) {
            arrived_.wait(held, [this] { return queued_ > 0 || closing_; });
            --idle_;
            if (queued_ == 0)
                return;
            offload_operation_base& item = queue_.front();
            take(item);
            held.unlock();
            handover* const result = item.handover_;
            item.call_(item);
            result->complete();  // the operation may be destroyed from here on
            held.lock();
        }
    }

    void take(offload_operation_base& item) noexcept {
        item.unlink();
        item.queued_ = false;
        --queued_;
    }

    std::mutex lock_;
    std::condition_variable arrived_;
    intrusive_list<offload_operation_base> queue_;
    std::size_t queued_ = 0;
    std::size_t idle_ = 0;  // threads that wait or are about to wait
    std::vector<std::thread> threads_;
    bool closing_ = false;
    unsigned process_ = this_process::number();
    const unsigned threads_max_;
    const std::size_t queue_max_;
};

// ---- an operation -----------------------------------------------------------------------------------------

offload_operation_base::offload_operation_base(thread_pool& pool, entry* call, environment& task)
    : awaited(task), pool_(pool.core_), handover_(offload_handover::make()), call_(call) {}

offload_operation_base::~offload_operation_base() {
    if (!given_)
        handover_->release();  // the completer's reference
    handover_->release();
}

void offload_operation_base::await_suspend(std::coroutine_handle<> waiter) noexcept {
    suspend(waiter);
    if (is_refused())
        return give_up(make_error_code(error::operation_aborted));
    static_cast<void>(handover_->expect(*this));
    given_ = true;
    if (const std::error_code refused = pool_->enqueue(*this)) {
        given_ = false;
        handover_->withdraw();
        give_up(refused);
    }
}

void offload_operation_base::stop() noexcept {
    if (take_back())
        give_up(make_error_code(error::operation_aborted));
    else if (given_)
        request_token_stop();
}

bool offload_operation_base::take_back() noexcept {
    if (!given_ || !pool_->withdraw(*this) || !handover_->withdraw())
        return false;
    given_ = false;
    return true;
}

void offload_operation_base::give_up(std::error_code why) noexcept {
    error_ = why;
    env().scheduler().schedule(*this);
}

void offload_operation_base::retire() noexcept {
    if (given_ && handover_->waiter() && !take_back()) {
        request_token_stop();
        handover_->wait();
    }
    handover_->leave();
}

std::error_code offload_operation_base::finish() noexcept {
    handover_->leave();
    return error_;
}

}  // namespace detail

// ---- the pool ---------------------------------------------------------------------------------------------

thread_pool::thread_pool() : thread_pool(options()) {}

thread_pool::thread_pool(unsigned threads) : thread_pool(options{threads, unlimited}) {}

thread_pool::thread_pool(const options& chosen) : core_(std::make_shared<detail::thread_pool_core>(chosen)) {}

thread_pool::~thread_pool() { core_->close(); }

thread_pool::counters thread_pool::metrics() const { return core_->metrics(); }

thread_pool& default_pool() {
    static thread_pool* const pool = new thread_pool;
    return *pool;
}

}  // namespace coil::COIL_ABI
