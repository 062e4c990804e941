// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <coil/base/intrusive_list.hpp>
#include <coil/sync/handover.hpp>

#include "base/process.hpp"

namespace coil::COIL_ABI::detail {

/// A blocking call that a worker thread makes for a waiter. `worker_threads` moves it through these stages:
///
///     idle ---submit---> queued ----a thread takes it----> running ----the call returns----> idle
///          <--withdraw--
///
/// A running call can be abandoned. Its thread then continues until the call returns.
class blocking_call : public handover {
public:
    /// Makes the call, on a worker thread. The handover completes after perform() has returned.
    virtual void perform() noexcept = 0;
    /// Called instead of perform() if the threads are closed before the call begins.
    virtual void refuse() noexcept {}

protected:
    blocking_call() noexcept = default;
    ~blocking_call() override = default;

private:
    friend class worker_threads;
    enum class stage : std::uint8_t { idle, queued, running, abandoned };

    // Written only while the lock of worker_threads is held, with one exception: when a call returns, its
    // worker thread sets the stage back to idle without the lock.
    std::atomic<stage> stage_{stage::idle};
    unsigned process_ = 0;  // this_process::number() of the process that submitted the call
};

/// Threads that make blocking calls in FIFO order. `thread_pool` and the resolver use this class. If no
/// thread is idle when a call is submitted, a new thread starts, unless the limits are reached. The threads
/// block all signals except SIGPROF and signals raised by a fault in the thread, such as SIGSEGV.
///
/// Each thread is idle, is making a call for a waiter ("running"), or is making a call that was abandoned:
///
///     threads  =  idle  +  running  +  abandoned
///     threads - abandoned  <=  limits.threads
///     threads              <=  limits.threads + limits.extra_threads
///
/// Threads: any.
class worker_threads {
public:
    struct limits {
        unsigned threads;
        unsigned extra_threads;
        std::size_t queue_max;
    };
    struct counters {
        unsigned threads;
        unsigned running;
        unsigned abandoned;
        std::size_t queued;
    };

    /// `name` is the name of the threads. submit() returns `busy` if the queue is full.
    worker_threads(const char* name, const limits& chosen, std::error_code busy);
    worker_threads(const worker_threads&) = delete;
    worker_threads& operator=(const worker_threads&) = delete;
    ~worker_threads() = default;

    /// Queues the call and takes over the completer's reference. If submit() returns an error, it does
    /// neither.
    [[nodiscard]] std::error_code submit(blocking_call& item) noexcept;
    /// Removes a call that has not begun. Returns true if no thread will complete the call. In this case, the
    /// caller owns the completer's reference again.
    bool withdraw(blocking_call& item) noexcept;
    /// Like withdraw(), but if the call is running, its thread no longer counts against limits.threads. Call
    /// abandon() when the waiter has left.
    bool abandon(blocking_call& item) noexcept;

    /// Changes the limits. Threads in excess of the new limits end without being joined. Do not call close()
    /// on an object whose limits have been changed, because close() cannot join such threads.
    void set_limits(const limits& chosen) noexcept;
    [[nodiscard]] counters metrics() noexcept;

    /// Refuses all calls that have not begun, and joins the threads. Later calls are refused with
    /// operation_aborted.
    void close() noexcept;

private:
    std::mutex& lock() noexcept;
    void start_afresh() noexcept;

    [[nodiscard]] std::size_t startable() const noexcept;
    [[nodiscard]] bool needs_thread() const noexcept { return queued_ > idle_ && startable() > 0; }
    [[nodiscard]] bool is_one_too_many() const noexcept {
        return threads_.size() - abandoned_ > limits_.threads;
    }
    std::error_code start_thread() noexcept;
    void end_surplus_thread() noexcept;
    bool take_back(blocking_call& item) noexcept;
    void take(blocking_call& item) noexcept;
    void work() noexcept;

    std::mutex lock_;
    std::condition_variable arrived_;
    intrusive_list<blocking_call> queue_;
    std::size_t queued_ = 0;
    std::size_t idle_ = 0;  // threads that wait for a call, or are about to wait
    std::size_t abandoned_ = 0;
    std::vector<std::thread> threads_;
    bool closing_ = false;
    unsigned process_ = this_process::number();
    limits limits_;
    const char* const name_;
    const std::error_code busy_;
};

}  // namespace coil::COIL_ABI::detail
