// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/thread_pool.hpp>

#include <algorithm>
#include <memory>
#include <thread>

#include "sync/worker_threads.hpp"

namespace coil::COIL_ABI {

thread_pool::thread_pool() : thread_pool(options()) {}

thread_pool::thread_pool(unsigned threads) : thread_pool(options{threads, unlimited}) {}

thread_pool::thread_pool(const options& chosen) {
    const unsigned threads = chosen.threads != threads_by_machine
                                 ? chosen.threads
                                 : std::max(2u, std::thread::hardware_concurrency());
    threads_ = std::make_shared<detail::worker_threads>(
        "coil pool", detail::worker_threads::limits{threads, 0, chosen.queue_max},
        std::make_error_code(std::errc::resource_unavailable_try_again));
}

thread_pool::~thread_pool() { threads_->close(); }

thread_pool::counters thread_pool::metrics() const {
    const auto now = threads_->metrics();
    return {now.threads, now.queued, now.running};
}

thread_pool& default_pool() {
    static thread_pool* const pool = new thread_pool;
    return *pool;
}

}  // namespace coil::COIL_ABI
