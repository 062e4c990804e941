// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "load/workloads.hpp"

namespace compare {

/// The state of a closed loop: each unit, such as a message, begins when an earlier one has ended.
struct closed_loop {
    std::int64_t time = 0;     // updated by each iteration
    std::uint64_t done = 0;    // units that have ended
    std::size_t running = 0;   // units that have not ended
    bool keeps_going = false;  // whether an end begins another unit

    /// Runs until the duration is over and all units have ended. `start()` begins the first units, and
    /// `iterate()` waits for events and updates the state.
    template <class Start, class Iterate>
    driven drive(std::int64_t duration, Start start, Iterate iterate) {
        done = 0;
        keeps_going = true;
        const std::int64_t begin = time = now();
        start();
        while (time < begin + duration)
            iterate();
        const std::int64_t window = time - begin;
        const std::uint64_t in_window = done;
        keeps_going = false;
        while (running > 0)
            iterate();
        return {window, in_window, done};
    }
};

}  // namespace compare
