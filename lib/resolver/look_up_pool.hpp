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

/// The threads that ask the C library: one pool for the process, which is never destroyed, so that no exit waits for it.
/// A `thread_pool` waits for what runs; this one lets go of it.
///
///     threads  =  idle  +  running, for somebody  +  abandoned
///     threads - abandoned  <=  limits.threads
///     threads              <=  limits.threads + limits.abandoned_max
///
/// Threads: any.
class look_up_pool {
public:
    static look_up_pool& of_process();

    /// Takes the reference of who completes, unless there is an error.
    [[nodiscard]] std::error_code submit(look_up& question) noexcept;
    /// Nobody waits for it any more. True if it has not begun, and the caller has that reference back.
    bool let_go(look_up& question) noexcept;

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
    void take(look_up& question) noexcept;
    void work() noexcept;

    std::mutex lock_;
    std::condition_variable arrived_;
    intrusive_list<look_up> queue_;
    std::size_t queued_ = 0;
    unsigned threads_ = 0;
    unsigned idle_ = 0;  // of these: they wait, or are about to
    unsigned abandoned_ = 0;
    ip::resolver_base::limits limits_;
    unsigned process_ = this_process::number();
};

}  // namespace coil::COIL_ABI::detail
