// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <type_traits>

// <bits/chrono.h> contains durations, time points and clocks. It leaves out the calendar, time zones and
// stream operators of <chrono>, which would add 4,000 lines to every translation unit.
#if __has_include(<bits/chrono.h>)  // libstdc++ 12 and later
#include <bits/chrono.h>
#else
#include <chrono>
#endif

namespace coil::COIL_ABI {

using steady_clock = std::chrono::steady_clock;
using time_point = steady_clock::time_point;

namespace detail {

struct write_5s_or_std_chrono_seconds_5 {};  // the compiler prints this name in its error

/// A plain number, without a unit of time. Functions that take durations have a deleted overload for numbers.
template <class T>
concept number = std::is_arithmetic_v<T>;

/// Returns the time from `now` to `deadline`, or zero if the deadline has passed. The result saturates, so
/// any two time points are valid, even time_point::min() ("already passed") and max() ("never"). Use this
/// function for every wait, because `deadline - now` overflows with these values: a deadline that has passed
/// would become a wait of 292 years.
[[nodiscard]] constexpr time_point::duration time_until(time_point deadline, time_point now) noexcept {
    if (deadline <= now)
        return time_point::duration::zero();
    if (now < time_point() && deadline > time_point::max() + now.time_since_epoch())
        return time_point::duration::max();
    return deadline - now;
}

}  // namespace detail

}  // namespace coil::COIL_ABI
