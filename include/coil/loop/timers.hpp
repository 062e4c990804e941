// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>

#include <coil/base/time.hpp>
#include <coil/coro/scheduler.hpp>

namespace coil::COIL_ABI::detail {

/// Returns `now + duration`, or time_point::max() if the sum overflows. Negative durations and NaN count as
/// zero. All deadlines use CLOCK_MONOTONIC, so changes to the time of day do not affect them.
template <class Rep, class Period>
[[nodiscard]] constexpr time_point deadline_after(time_point now,
                                                  std::chrono::duration<Rep, Period> duration) noexcept {
    // Compares the times as doubles, in seconds. Near time_point::max(), a double has a resolution of 2 us,
    // so a margin of 1 ms covers the rounding error.
    using seconds = std::chrono::duration<double>;
    constexpr std::chrono::milliseconds margin(1);
    if (!(duration > duration.zero()))  // true for NaN, too
        return now;
    if constexpr (std::chrono::treat_as_floating_point_v<Rep> && sizeof(Rep) < sizeof(double))
        return deadline_after(now, std::chrono::duration<double, Period>(duration));
    if (seconds(duration) >= seconds(time_until(time_point::max(), now) - margin))
        return time_point::max();
    return now + std::chrono::ceil<steady_clock::duration>(duration);
}

/// The base class of objects that have a deadline. An armed entry is in a `timer_queue`. When the deadline of
/// the entry has passed, the entry moves to the ready list, and the loop calls its run(). The destructor
/// disarms the entry.
class timer_entry : public node {
public:
    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    [[nodiscard]] bool is_armed() const noexcept { return queue_ != nullptr; }

    /// Removes the entry from the queue or, if the deadline has passed, from the ready list. The loop then
    /// does not run the entry.
    void disarm() noexcept;

protected:
    timer_entry() noexcept = default;
    ~timer_entry() override { disarm(); }

private:
    friend class timer_queue;

    time_point deadline_;
    class timer_queue* queue_ = nullptr;
    std::uint8_t level_ = 0;
    std::uint8_t slot_ = 0;
};

/// A context's armed timers, in a hierarchical timing wheel in user space. Arming or disarming a timer costs
/// no system call and no SQE, and the cost does not depend on the number of timers. The loop passes the
/// queue's earliest deadline as the timeout to io_uring_enter.
///
///     level 0    64 slots of 1 tick       1 tick is 1024 ns; a timer is never early and at most 1 tick late
///     level 1    64 slots of 64 ticks
///     ...        a slot spans the whole level below; its timers move down when time reaches the slot
///
/// Timers whose deadlines are equal or in the same tick expire in the order in which they were armed.
class timer_queue {
public:
    explicit timer_queue(time_point now) noexcept : tick_(tick_before(now)) {}
    timer_queue(const timer_queue&) = delete;
    timer_queue& operator=(const timer_queue&) = delete;
    ~timer_queue();

    void arm(timer_entry& timer, time_point deadline) noexcept;

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// Returns a time before which no timer expires, so the loop may sleep until then. Returns the clock's
    /// epoch if a timer is overdue, and time_point::max() if no timer is armed.
    [[nodiscard]] time_point next() noexcept;

    /// Moves every timer whose deadline has passed to `ready`.
    void expire(time_point now, intrusive_list<node>& ready) noexcept;

private:
    friend class timer_entry;
    using tick = std::uint64_t;

    static constexpr unsigned tick_bits = 10;
    static constexpr unsigned slot_bits = 6;
    static constexpr unsigned slots = 1u << slot_bits;
    static constexpr unsigned levels = 9;  // 2^54 ticks cover the whole range of a 63-bit clock
    static constexpr std::uint8_t overdue_level = levels;

    static tick tick_before(time_point when) noexcept;
    static tick tick_after(time_point when) noexcept;

    static constexpr unsigned looked_at_max = 8;

    void place(timer_entry& timer) noexcept;
    static tick earliest_of_few(intrusive_list<node>& timers, tick otherwise) noexcept;
    void remove(timer_entry& timer) noexcept;
    [[nodiscard]] bool find_next(unsigned& level, unsigned& slot, tick& start) const noexcept;

    // The time that the queue has reached, in ticks. Every armed timer expires after this time or is overdue.
    tick tick_;
    std::size_t size_ = 0;
    // Timers whose deadline has already passed. The next expire() moves them to the ready list.
    intrusive_list<node> overdue_;
    std::uint64_t occupied_[levels] = {};
    intrusive_list<node> slots_[levels][slots];
};

}  // namespace coil::COIL_ABI::detail
