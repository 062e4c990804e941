// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <system_error>

#include <coil/base/intrusive_list.hpp>
#include <coil/resolver/resolver.hpp>

#include "base/process.hpp"
#include "resolver/look_up.hpp"

namespace coil::COIL_ABI::detail {

/// The threads that call the C library. The process has a single pool. It is never destroyed, so process
/// exit does not wait for it. Unlike `thread_pool`, which waits for running work, this pool can
/// abandon it.
///
///     threads  =  idle  +  running, with a waiter  +  abandoned
///     threads - abandoned  <=  limits.threads
///     threads              <=  limits.threads + limits.abandoned_max
///
/// Threads: any.
class look_up_pool {
public:
    static look_up_pool& of_process();

    /// Queues the query and takes over the completer's reference, unless an error is returned.
    [[nodiscard]] std::error_code submit(look_up& query) noexcept;
    /// Called when the waiter has left. Returns true if no thread will complete the query. In this case, the
    /// caller owns the completer's reference again.
    bool abandon(look_up& query) noexcept;

    void set_limits(const ip::resolver_base::limits& chosen) noexcept;
    [[nodiscard]] ip::resolver_base::counters metrics() noexcept;

private:
    look_up_pool() noexcept { this_process::count_forks(); }
    ~look_up_pool() = default;

    std::mutex& lock() noexcept;
    void start_afresh() noexcept;

    [[nodiscard]] unsigned startable() const noexcept;
    [[nodiscard]] bool is_one_too_many() const noexcept;
    std::error_code start_if_wanted() noexcept;
    void take(look_up& query) noexcept;
    void work() noexcept;

    std::mutex lock_;
    std::condition_variable arrived_;
    intrusive_list<look_up> queue_;
    std::size_t queued_ = 0;
    unsigned threads_ = 0;
    unsigned idle_ = 0;  // threads waiting for a query, or about to wait
    unsigned abandoned_ = 0;
    ip::resolver_base::limits limits_;
    unsigned process_ = this_process::number();
};

}  // namespace coil::COIL_ABI::detail
