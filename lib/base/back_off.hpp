// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <algorithm>
#include <ctime>
#include <sched.h>

namespace coil::COIL_ABI {

/// A back-off for loops that poll for an action of another thread. pause() calls sched_yield(2) the first few
/// times, and then sleeps for 50 us to 1 ms. A loop that only yields would use a whole core and, under
/// SCHED_FIFO, would starve lower-priority threads.
class back_off {
public:
    void pause() noexcept {
        if (yields_ < yields_max) {
            ++yields_;
            ::sched_yield();
            return;
        }
        const timespec length{0, sleep_};
        ::nanosleep(&length, nullptr);
        sleep_ = std::min(2 * sleep_, sleep_max);
    }

private:
    static constexpr unsigned yields_max = 16;
    static constexpr long sleep_max = 1'000'000;

    unsigned yields_ = 0;
    long sleep_ = 50'000;
};

}  // namespace coil::COIL_ABI
