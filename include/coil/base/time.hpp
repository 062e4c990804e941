// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

// Durations, points in time and clocks, without <chrono>'s calendar, time zones and streams: four thousand lines for every file
// that can do without.
#if __has_include(<bits/chrono.h>)  // libstdc++, since 12
#include <bits/chrono.h>
#else
#include <chrono>
#endif

namespace coil::COIL_ABI {

using steady_clock = std::chrono::steady_clock;
using time_point = steady_clock::time_point;

/// How long it takes from `now` to `deadline`; zero if the deadline has passed. Saturates: every two points in time have a
/// result, also time_point::min() and max(), which stand for "passed" and "never". Use it for every wait: `deadline - now`
/// overflows with these, and a passed deadline becomes a wait of 292 years.
[[nodiscard]] constexpr time_point::duration time_until(time_point deadline, time_point now) noexcept {
    if (deadline <= now)
        return time_point::duration::zero();
    if (now < time_point() && deadline > time_point::max() + now.time_since_epoch())
        return time_point::duration::max();
    return deadline - now;
}

}  // namespace coil::COIL_ABI
