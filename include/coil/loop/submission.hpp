// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <coil/base/intrusive_list.hpp>
#include <coil/base/time.hpp>

struct io_uring_sqe;

namespace coil::COIL_ABI {

namespace detail {

class descriptor;
class event_loop;
class operation;

/// Submits a context's operations and their cancels to the ring. This class keeps the lists of operations
/// that are deferred, paused, being cancelled or stuck. Each operation keeps its own state.
///
///     submit --slot--> in the kernel (the record's list) --cancel, slot--> cancelling --completion--> done
///        |                 ^                                   |
///        +--no slot--> deferred                                +--no slot--> cancels
///     pause --> paused --timer--> submit
///
/// A cancel misses an operation that the kernel is about to issue again (-ENOENT) or that a kernel worker is
/// executing (-EALREADY; the operation may then continue). While the operation is in `cancelling`, the cancel
/// is therefore repeated: up to three times with the next system calls, and then after pauses of 1 to 128 ms.
///
/// Threads: Only the context's owner. If the context's destructor runs on another thread, the destructor
///          closes the ring before it ends or reports the operations.
class submission {
public:
    explicit submission(event_loop& context) noexcept : context_(context) {}
    submission(const submission&) = delete;
    submission& operator=(const submission&) = delete;

    // ---- operations ---------------------------------------------------------------------------------------

    /// Fills in an SQE, or defers the operation until an SQE is free.
    void submit(operation& request) noexcept;
    /// Cancels an operation in any state. No-op after the operation has completed.
    void cancel(operation& request) noexcept;
    /// Stores an operation that pauses between two steps. Its retry_timer later submits the operation again.
    void pause(operation& request) noexcept;
    /// Cancels the operation and blocks until the kernel has completed it, because the operation's memory
    /// must not be freed earlier. If this takes more than 2 s, a line on stderr names the operation. Does not
    /// wait for a stuck operation, because its ring is closed and no cancel can reach it.
    void retire(operation& request) noexcept;
    /// Called for the last completion of each SQE that an operation has submitted.
    void completed() noexcept;

    // ---- descriptor records -------------------------------------------------------------------------------

    /// Cancels the record's deferred and paused operations.
    void cancel_deferred(const descriptor& record) noexcept;
    /// Called when this program is about to shut the record's socket down for receiving. Marks all deferred,
    /// paused and cancelling operations of the record as interrupted.
    void interrupt(const descriptor& record) noexcept;
    /// Submits everything that is queued, and blocks until all operations of this record have completed, but
    /// for at most 2 s. Then reports the remaining operations on stderr.
    void retire(descriptor& record) noexcept;

    // ---- the loop -----------------------------------------------------------------------------------------

    /// Returns a free SQE. If the ring is full, enters the kernel first. Returns null if no SQE becomes free.
    [[nodiscard]] io_uring_sqe* slot() noexcept;
    /// Submits cancels and operations that previously found no free SQE. Cancels go first, so that deferred
    /// operations do not use up the free SQEs.
    void flush() noexcept;
    /// Returns true if an operation or a cancel is waiting for a free SQE.
    [[nodiscard]] bool is_waiting_for_slot() const noexcept {
        return !deferred_.empty() || !cancels_.empty();
    }
    /// Returns the number of operations that the kernel has not completed.
    [[nodiscard]] std::size_t in_kernel() const noexcept { return in_kernel_; }
    /// Called when the completion of a cancel arrives. A successful cancel posts no completion, so this
    /// cancel has not found its target operation or could not end that operation.
    void cancel_missed() noexcept { cancel_missed_ = true; }
    /// Repeats missed cancels when they are due. Call this after each batch of completions.
    void repeat_cancels() noexcept {
        if (cancel_missed_ || cancel_retry_at_ != time_point::max()) [[unlikely]]
            repeat_missed_cancels();
    }
    /// Returns the latest time at which the loop must call repeat_cancels().
    [[nodiscard]] time_point next_repeat() const noexcept { return cancel_retry_at_; }
    /// Submits everything that is queued, and collects the completions that are available. Does not wait.
    void collect_now() noexcept;

    // ---- lifecycle of the context -------------------------------------------------------------------------

    /// Sets whether operations are submitted (true) or deferred (false). While the context has no owner,
    /// operations are deferred.
    void set_accepting(bool accepting) noexcept { is_settling_ = !accepting; }
    /// Cancels all operations in the kernel, and collects completions until the kernel has completed all of
    /// these operations or the deadline has passed. Operations submitted later are deferred.
    void settle(time_point deadline) noexcept;
    /// Called after the ring has been closed. Ends every operation that was in the ring.
    void abort_in_kernel() noexcept;
    /// Called if the ring was closed but the kernel has not released its operations. Marks these operations
    /// as stuck, because they will never complete.
    void leave_stuck() noexcept;
    /// Returns true if the kernel still held operations when an earlier ring was closed. The context never
    /// frees the frames that contain these operations.
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

    event_loop& context_;
    std::size_t in_kernel_ = 0;
    operations deferred_;    // operations that found no free SQE
    operations paused_;      // operations whose next step a timer will submit
    operations cancels_;     // operations whose cancel must be submitted or repeated
    operations cancelling_;  // operations whose cancel was submitted, but that have not ended yet
    operations stuck_;       // operations of an earlier ring that the kernel has not released
    time_point cancel_retry_at_ = time_point::max();
    std::chrono::milliseconds cancel_pause_{1};  // the pause before the next repetition
    bool cancel_missed_ = false;
    // True if the context has no owner or its owner is leaving. No operation may be submitted then.
    bool is_settling_ = true;
    bool is_stuck_ = false;
};

}  // namespace detail
}  // namespace coil::COIL_ABI
