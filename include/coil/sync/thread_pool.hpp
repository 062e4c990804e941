// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <memory>

namespace coil::COIL_ABI {

namespace detail {
class thread_pool_core;
class offload_operation_base;
}  // namespace detail

/// Threads for what blocks or computes for long: `co_await offload(pool, function)` runs a function on one of them.
/// It runs no tasks: for these, more threads means more io_contexts.
///
///     coil::thread_pool disks(4);
///     auto image = co_await coil::offload(disks, decode, path);
///
/// Functions begin in the order in which they came. A thread is started when a function finds none idle, and stays.
/// All signals are blocked on them, but for those that a fault of the thread's own raises.
///
/// Threads:  any, for all of it. A function that runs here must not destroy the pool.
/// Lifetime: destroyed, it lets finish what runs, and joins its threads. What has not begun never does, and whoever awaits
///           it gets operation_aborted. Whoever offloads here must not begin to when the pool is gone.
/// Cost:     an offload locks a mutex for a moment, three or four times; it allocates nothing. A thread's start, a stack.
class thread_pool {
public:
    /// As many threads as the machine has, and two at least.
    static constexpr unsigned threads_by_machine = 0;
    static constexpr std::size_t unlimited = static_cast<std::size_t>(-1);

    struct options {
        unsigned threads = threads_by_machine;  ///< at most so many
        std::size_t queue_max = unlimited;      ///< functions that may wait for a thread: one more is refused
    };

    thread_pool();
    explicit thread_pool(unsigned threads);
    explicit thread_pool(const options& chosen);
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;
    ~thread_pool();

    /// At this moment.
    struct counters {
        unsigned threads = 0;     ///< that were started
        std::size_t queued = 0;   ///< functions that have not begun
        std::size_t running = 0;  ///< functions that have
    };
    [[nodiscard]] counters metrics() const;

private:
    friend class detail::offload_operation_base;

    std::shared_ptr<detail::thread_pool_core> core_;
};

/// The pool of `offload` where none is named: one for the process, made when it is first used. It is never destroyed, so no
/// exit waits for it: a function that still runs when the process exits runs on into that. (None does where the contexts end
/// before: a task's end waits for what it has offloaded.)
[[nodiscard]] thread_pool& default_pool();

}  // namespace coil::COIL_ABI
