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

}  // namespace coil::COIL_ABI
