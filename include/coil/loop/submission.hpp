// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <chrono>
#include <cstddef>

#include <coil/base/intrusive_list.hpp>
#include <coil/base/time.hpp>

struct io_uring_sqe;

namespace coil::COIL_ABI {

class descriptor;
class io_context;
class operation;

namespace detail {

/// A context's operations on their way into the ring, and the cancels that follow them. It keeps the lists;
/// each operation keeps its own state.
///
///     submit --slot--> in the kernel (list of the record) --cancel, slot--> cancelling --completion--> done
///        |                 ^                                   |
///        +--no slot--> deferred                                +--no slot--> cancels
///     pause --> paused --timer--> submit
///
/// A cancel misses an operation that the kernel is about to issue again (-ENOENT), or that a kernel worker
/// executes (-EALREADY; the operation may then continue). So a cancel is repeated while its target is in
/// `cancelling`: a few times in the next enters, then after pauses of 1 to 128 ms.
///
/// Threads: the context's owner, except for abort_in_kernel() when the ring is closed.
class submission {
public:
    explicit submission(io_context& context) noexcept : context_(context) {}
    submission(const submission&) = delete;
    submission& operator=(const submission&) = delete;

    // ---- operations ---------------------------------------------------------------------------------------

    /// Fills an SQE, or defers the operation until there is a free one.
    void submit(operation& request) noexcept;
    /// Cancels an operation in any state; a no-op after its completion.
    void cancel(operation& request) noexcept;
    /// Keeps an operation that is between two steps until its retry_timer submits it again.
    void pause(operation& request) noexcept;
    /// Cancels the operation, and blocks until the kernel has completed it: its memory must not be freed
    /// before. Reports on stderr what it waits for if that takes more than 2 s.
    void retire(operation& request) noexcept;
    /// Counts the last completion of an operation.
    void completed() noexcept;

    // ---- records ------------------------------------------------------------------------------------------

    /// Cancels those of the record's operations that are deferred or paused.
    void cancel_deferred(const descriptor& record) noexcept;
    /// Marks those of the record's operations that are in lists of this object: our own shutdown ends them.
    void interrupt(const descriptor& record) noexcept;
    /// Submits everything, and blocks until every operation of this record has completed, for 2 s at most.
    /// Reports the operations that are left on stderr.
    void retire(descriptor& record) noexcept;

    // ---- the loop -----------------------------------------------------------------------------------------

    /// A free SQE, after an enter if the ring is full; null if the kernel refuses that.
    [[nodiscard]] io_uring_sqe* slot() noexcept;
    /// Submits what found no slot before. Cancels go first, so that none is lost for lack of a slot.
    void flush() noexcept;
    /// Whether something waits for a slot.
    [[nodiscard]] bool is_waiting_for_slot() const noexcept {
        return !deferred_.empty() || !cancels_.empty();
    }
    /// Operations that the kernel has not completed.
    [[nodiscard]] std::size_t in_kernel() const noexcept { return in_kernel_; }
    /// A cancel has completed: it did not find its target, or could not end it.
    void cancel_missed() noexcept { cancel_missed_ = true; }
    /// Repeats cancels that have missed, when they are due. Call it after each batch of completions.
    void repeat_cancels() noexcept {
        if (cancel_missed_ || cancel_retry_at_ != time_point::max()) [[unlikely]]
            repeat_missed_cancels();
    }
    /// When the loop must call repeat_cancels() at the latest.
    [[nodiscard]] time_point next_repeat() const noexcept { return cancel_retry_at_; }
    /// Submits what is queued, without waiting, and collects what the kernel has completed so far.
    void collect_now() noexcept;

    // ---- the life of the context --------------------------------------------------------------------------

    /// Accepts operations (true), or defers all of them because the context has no owner (false).
    void set_accepting(bool accepting) noexcept { is_settling_ = !accepting; }
    /// Cancels everything, and collects until the kernel has none of our operations or the deadline passes.
    void settle(time_point deadline) noexcept;
    /// The ring is closed: ends every operation that it had.
    void abort_in_kernel() noexcept;
    /// The ring is closed, but the kernel has not released the operations: they never end.
    void leave_stuck() noexcept;
    /// Whether an earlier ring has not released some operations. Their frames are never freed.
    [[nodiscard]] bool is_stuck() const noexcept { return is_stuck_; }
    void report_in_flight() noexcept;

private:
    using operations = intrusive_list<operation>;

    bool try_submit(operation& request) noexcept;
    void submit_cancels() noexcept;
    [[nodiscard]] bool submit_cancel(operation& request) noexcept;
    void repeat_missed_cancels() noexcept;
    template <class IsOver>
    bool enter_until(const IsOver& is_over, time_point deadline) noexcept;
    void enter_for_cancels(time_point deadline) noexcept;
    template <class F>
    void for_each_listed(const descriptor& record, const F& each) noexcept;
    void abandon_stuck(operation& request) noexcept;
    [[nodiscard]] std::size_t count_stuck(const descriptor& record) noexcept;

    io_context& context_;
    std::size_t in_kernel_ = 0;
    operations deferred_;    // found no free slot
    operations paused_;      // a timer submits their next step
    operations cancels_;     // their cancel is not submitted yet, or due again
    operations cancelling_;  // their cancel is submitted, and they have not ended yet
    operations stuck_;       // an earlier ring has not released them
    time_point cancel_retry_at_ = time_point::max();
    std::chrono::milliseconds cancel_pause_{1};  // before the next repetition
    bool cancel_missed_ = false;
    bool is_settling_ = true;  // nothing new is submitted: there is no owner, or the owner is leaving
    bool is_stuck_ = false;
};

}  // namespace detail
}  // namespace coil::COIL_ABI
