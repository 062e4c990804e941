// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "base/process.hpp"

#include <pthread.h>

namespace coil::COIL_ABI {

constinit std::atomic<unsigned> this_process::number_{0};

void this_process::count_forks() noexcept {
    [[maybe_unused]] static const int refusal =
        ::pthread_atfork(nullptr, nullptr, [] { number_.fetch_add(1, std::memory_order_relaxed); });
}

}  // namespace coil::COIL_ABI
