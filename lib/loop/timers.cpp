// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/timers.hpp>

#include <algorithm>
#include <bit>

#include <coil/base/assert.hpp>

namespace coil::COIL_ABI::detail {
namespace {

// The latest deadline, in nanoseconds. Later deadlines are shortened to this value. The clock never reaches
// it, so timers with these deadlines never expire.
constexpr std::int64_t nanoseconds_max = std::int64_t{1} << 62;

std::uint64_t nanoseconds_of(time_point when) noexcept {
    return static_cast<std::uint64_t>(
        std::clamp<std::int64_t>(when.time_since_epoch().count(), 0, nanoseconds_max));
}

}  // namespace

void timer_entry::disarm() noexcept {
    if (queue_)
        queue_->remove(*this);
    else
        unlink();
}

timer_queue::~timer_queue() {
    const auto clear = [](intrusive_list<node>& timers) {
        while (!timers.empty())
            static_cast<timer_entry&>(timers.pop_front()).queue_ = nullptr;
    };
    clear(overdue_);
    for (auto& level: slots_)
        for (auto& slot: level)
            clear(slot);
}

timer_queue::tick timer_queue::tick_before(time_point when) noexcept {
    return nanoseconds_of(when) >> tick_bits;
}

timer_queue::tick timer_queue::tick_after(time_point when) noexcept {
    return (nanoseconds_of(when) + (1u << tick_bits) - 1) >> tick_bits;
}

void timer_queue::arm(timer_entry& timer, time_point deadline) noexcept {
    timer.disarm();
    timer.deadline_ = deadline;
    timer.queue_ = this;
    ++size_;
    place(timer);
}

void timer_queue::place(timer_entry& timer) noexcept {
    const tick due = tick_after(timer.deadline_);
    if (due <= tick_) {
        timer.level_ = overdue_level;
        overdue_.push_back(timer);
        return;
    }
    // The highest bit in which the deadline and the current tick differ determines the level.
    const unsigned level = static_cast<unsigned>(std::bit_width(due ^ tick_) - 1) / slot_bits;
    const unsigned slot = static_cast<unsigned>(due >> (level * slot_bits)) % slots;
    timer.level_ = static_cast<std::uint8_t>(level);
    timer.slot_ = static_cast<std::uint8_t>(slot);
    occupied_[level] |= std::uint64_t{1} << slot;
    slots_[level][slot].push_back(timer);
}

void timer_queue::remove(timer_entry& timer) noexcept {
    timer.unlink();
    timer.queue_ = nullptr;
    --size_;
    if (timer.level_ != overdue_level && slots_[timer.level_][timer.slot_].empty())
        occupied_[timer.level_] &= ~(std::uint64_t{1} << timer.slot_);
}

bool timer_queue::find_next(unsigned& level, unsigned& slot, tick& start) const noexcept {
    for (level = 0; level < levels; ++level) {
        const unsigned shift = level * slot_bits;
        const unsigned here = static_cast<unsigned>(tick_ >> shift) % slots;
        const std::uint64_t ahead = here == slots - 1 ? 0 : occupied_[level] >> (here + 1) << (here + 1);
        if (ahead == 0)
            continue;
        slot = static_cast<unsigned>(std::countr_zero(ahead));
        start = (tick_ >> shift >> slot_bits << slot_bits | slot) << shift;
        return true;
    }
    return false;
}

time_point timer_queue::next() noexcept {
    if (!overdue_.empty())
        return time_point();
    unsigned level, slot;
    tick start;
    if (!find_next(level, slot, start))
        return time_point::max();
    if (level > 0)
        start = earliest_of_few(slots_[level][slot], start);
    return time_point(std::chrono::nanoseconds(start << tick_bits));
}

// Returns the earliest deadline of the timers in a slot, or `otherwise` if the slot holds more than
// looked_at_max timers. A single timer far in the future then wakes the loop only once, instead of once for
// each level that it moves down.
timer_queue::tick timer_queue::earliest_of_few(intrusive_list<node>& timers, tick otherwise) noexcept {
    tick earliest = ~tick{0};
    unsigned looked_at = 0;
    for (node* each = &timers.front(); each; each = timers.next(*each)) {
        if (++looked_at > looked_at_max)
            return otherwise;
        earliest = std::min(earliest, tick_after(static_cast<timer_entry*>(each)->deadline_));
    }
    return earliest;
}

void timer_queue::expire(time_point now, intrusive_list<node>& ready) noexcept {
    const auto fire = [&](intrusive_list<node>& timers) {
        while (!timers.empty()) {
            auto& timer = static_cast<timer_entry&>(timers.front());
            timer.queue_ = nullptr;
            --size_;
            ready.push_back(timer);
        }
    };
    fire(overdue_);

    const tick target = tick_before(now);
    unsigned level, slot;
    tick start;
    while (find_next(level, slot, start) && start <= target) {
        tick_ = start;
        occupied_[level] &= ~(std::uint64_t{1} << slot);
        if (level == 0) {
            fire(slots_[0][slot]);
            continue;
        }
        // Time has reached this slot, so its timers move down to lower levels.
        intrusive_list<node> timers;
        timers.splice_back(slots_[level][slot]);
        while (!timers.empty())
            place(static_cast<timer_entry&>(timers.pop_front()));
        fire(overdue_);
    }
    if (target > tick_)
        tick_ = target;
}

}  // namespace coil::COIL_ABI::detail
