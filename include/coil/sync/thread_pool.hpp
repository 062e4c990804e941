// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <memory>

namespace coil::COIL_ABI {

namespace detail {
class offload_operation_base;
class worker_threads;
}  // namespace detail

/// A pool of threads for functions that block or compute for a long time. `co_await offload(pool, function)`
/// runs a function on one of these threads. A pool does not run tasks. To run tasks on more threads, use more
/// io_contexts.
///
///     coil::thread_pool disks(4);
///     auto image = co_await coil::offload(disks, decode, path);
///
/// Functions begin in FIFO order. If no thread is idle when a function is queued, the pool starts a new
/// thread, up to the maximum. The threads run until the pool is destroyed. They block all signals except
/// SIGPROF and signals raised by a fault in the thread, such as SIGSEGV.
///
/// Threads:  thread-safe. A function that runs in the pool must not destroy the pool.
/// Lifetime: the destructor waits for running functions and joins the threads. Functions that have not begun
///           never run, and their awaits fail with operation_aborted. Do not begin an offload after the pool
///           has been destroyed.
/// Cost:     an offload briefly locks a mutex three or four times, and allocates nothing in steady state.
///           Each thread costs one thread creation and a stack.
class thread_pool {
public:
    /// One thread for each hardware thread of the machine, but at least two.
    static constexpr unsigned threads_by_machine = 0;
    static constexpr std::size_t unlimited = static_cast<std::size_t>(-1);

    struct options {
        unsigned threads = threads_by_machine;  ///< maximum number of threads
        std::size_t queue_max = unlimited;      ///< maximum number of queued functions; others are refused
    };

    thread_pool();
    explicit thread_pool(unsigned threads);
    explicit thread_pool(const options& chosen);
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;
    ~thread_pool();

    /// A snapshot of the pool's state.
    struct counters {
        unsigned threads = 0;     ///< threads that have been started
        std::size_t queued = 0;   ///< functions that have not begun
        std::size_t running = 0;  ///< functions that are running
    };
    [[nodiscard]] counters metrics() const;

private:
    friend class detail::offload_operation_base;

    std::shared_ptr<detail::worker_threads> threads_;
};

/// The process-wide pool that `offload` uses if no pool is given. The pool is constructed on first use and
/// never destroyed, so exit(3) does not wait for it, and a function that is still running continues during
/// the exit. If all contexts have been destroyed before the exit, no function is running, because a task
/// waits for its offloaded function before the task ends.
[[nodiscard]] thread_pool& default_pool();

}  // namespace coil::COIL_ABI
