// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cerrno>
#include <coroutine>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

#include <coil/base/error.hpp>
#include <coil/base/time.hpp>
#include <coil/coro/environment.hpp>
#include <coil/loop/descriptor.hpp>

struct io_uring_sqe;

namespace coil::COIL_ABI::detail {

class retry_timer;

class submission;

/// A completion, that is, the result and the flags of a CQE.
struct answer {
    std::int32_t result = 0;
    std::uint32_t flags = 0;
};

/// How operations on one descriptor may overlap.
enum class lane : std::uint8_t {
    any,         ///< no limit: operations may overlap
    read,        ///< one reader at a time; a second reader is refused
    write,       ///< one writer at a time; a second writer is refused
    queue,       ///< FIFO: operations queue, and the kernel gets one at a time
    send_queue,  ///< FIFO of sends, on a descriptor without a source
};

/// One kernel operation, from its submission to its completion. The operation lives in the frame of the
/// coroutine that awaits it.
///
/// await_suspend() attaches the operation to its descriptor's record, calls before_submit(), claims the lane,
/// and then hands the operation to the record's source or submits it to the ring.
///
///     idle ----await_suspend----> submitted ----CQE----> done ----resumption----> the coroutine continues
///                     |             ^                     ^
///                     |             | lane, slot free     | refused, or cancelled before submission
///                     +--> waiting, deferred -------------+
///
/// Some operations take several steps, such as a poll followed by the transfer. `next_step` examines a
/// completion and submits the next step, immediately or after a pause. The operation keeps its lane between
/// the steps.
///
/// A multishot operation has any number of completions (see `more`). It stays submitted until its last
/// completion.
///
/// A cancel is a request to the kernel. The operation still ends with the result that the kernel reports,
/// such as the number of bytes that were transferred before the cancel. A cancel that misses its target is
/// repeated until the operation has ended. If the operation is in the kernel, the destructor cancels it and
/// blocks until the kernel has completed it.
///
/// The main functions of each kind of operation are `prepare`, which fills in the SQE, and `await_outcome`,
/// which interprets the completion. Only this class writes an operation's state; `detail::submission` keeps
/// the lists of operations.
class operation : public awaited {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    /// Begins the operation. Throws error::wrong_context, error::wrong_thread, or an exception from
    /// before_submit(). If await_suspend() throws, the coroutine is not suspended.
    void await_suspend(std::coroutine_handle<> caller);

    void stop() noexcept final;
    /// Returns true if the operation or its descriptor was cancelled, or the descriptor was closed, before
    /// the task resumed. The result may still report bytes that were transferred before the cancel.
    [[nodiscard]] bool was_cancelled() const noexcept {
        return cancel_requested_ ||
               (attached_ && (!is_current() || descriptor_->cancels() != cancels_before_));
    }
    [[nodiscard]] std::string describe() const override;

    // ---- for the source that serves the operation ---------------------------------------------------------

    /// Appends the operation to the record's list of waiting operations. The record's source later finishes
    /// the operation.
    void wait_in(coil::detail::descriptor& record) noexcept;
    /// Completes the operation with `result` instead of a result from the kernel. The task resumes in the
    /// loop's next iteration.
    void finish(std::int32_t result) noexcept;
    /// Submits the operation to the ring, bypassing the record's source.
    void submit_to_ring() noexcept;

protected:
    operation(const descriptor_use& target, environment& task, coil::detail::lane lane) noexcept
        : awaited(task), descriptor_(target.record), generation_(target.generation), lane_(lane) {}
    ~operation() override;

    /// Called before the operation claims its lane. If this function returns a result, the operation
    /// completes with that result and is not submitted. May throw.
    [[nodiscard]] virtual std::optional<std::int32_t> before_submit() { return std::nullopt; }
    /// Fills in the SQE. The SQE may point only into this object and the caller's buffers.
    virtual void prepare(io_uring_sqe& sqe) noexcept = 0;
    /// Called for each completion that is not the last or that names a pool buffer. Must not resume a
    /// coroutine, because the loop is still collecting completions.
    virtual void more(const coil::detail::answer& given) noexcept;
    /// After a call of descriptor::watch(), the record calls this function when its source has received data
    /// that a reader could take inline. Must not resume a coroutine.
    virtual void source_has_data() noexcept {}
    /// Called when a step has ended with an error or, after takes_steps(true), with any result. Returns true
    /// if the operation continues, that is, if this function has called `submit`, `submit_to_ring` or
    /// `pause`. The operation then keeps its lane, so no other operation overtakes it. Must not resume a
    /// coroutine, because the loop is still collecting completions.
    [[nodiscard]] virtual bool next_step() noexcept;
    /// Returns the name of the call in the socket interface, such as "recv".
    [[nodiscard]] virtual const char* name() const noexcept = 0;

    /// Submits an operation that already holds its lane. If the record's source accepts the operation, the
    /// source completes it. Otherwise the operation goes to the ring.
    void submit() noexcept;
    /// Begins the operation again, behind operations that have queued in the meantime. Call this only in
    /// run().
    void restart() noexcept;
    /// Submits the operation to the ring again when `timer` expires. A cancel ends the pause early. Call this
    /// only in next_step().
    void pause(retry_timer& timer, time_point::duration length) noexcept;
    /// Cancels the operation and blocks until the kernel has completed it.
    void retire() noexcept;

    /// The fast path of await_ready, for a result that is already known. Attaches the operation without
    /// suspending the task. Returns false if the task has to suspend because it was stopped, the descriptor
    /// was closed, the lane is occupied, or the budget of inline completions is used up.
    [[nodiscard]] bool begin_inline() noexcept;
    /// Attaches the operation to its record without any checks.
    void attach() noexcept;
    /// Completes the operation inline with `result`. Call begin_inline() or attach() first.
    void finish_inline(std::int32_t result) noexcept { answer_ = {result, 0}, state_ = state::done; }
    /// Returns true if the operation may complete inline now. If so, uses up one unit of the budget of inline
    /// completions (scheduler::inline_max).
    [[nodiscard]] bool may_complete_inline() noexcept;
    /// Sets whether the loop calls next_step() for successful steps, too. By default, the loop calls it only
    /// for steps that failed.
    void takes_steps(bool does) noexcept { takes_steps_ = does; }
    /// Returns true if no further step may begin, because the operation was cancelled or its scope was
    /// stopped. Call this only in next_step().
    [[nodiscard]] bool should_stop() const noexcept { return was_cancelled() || env().stop_requested(); }
    /// Replaces the kernel's result with `result` and returns false, which ends the operation. Call this only
    /// in next_step(), as in `return end_with(result)`.
    bool end_with(std::int32_t result) noexcept {
        answer_ = {result, 0};
        return false;
    }
    bool end_aborted() noexcept { return end_with(-ECANCELED); }
    /// Makes a finished operation reusable, as if it were newly constructed.
    void reset() noexcept;

    [[nodiscard]] coil::detail::answer answer() const noexcept { return answer_; }
    [[nodiscard]] bool is_done() const noexcept { return state_ == state::done; }
    [[nodiscard]] bool is_idle() const noexcept { return state_ == state::idle; }
    [[nodiscard]] coil::detail::lane lane() const noexcept { return lane_; }
    /// Returns true if the record still refers to the descriptor for which the operation was made.
    [[nodiscard]] bool is_current() const noexcept {
        return descriptor_ && descriptor_->generation() == generation_;
    }
    /// Returns the record's source, or null if the record has none or is no longer current.
    [[nodiscard]] descriptor_source* source() const noexcept {
        return is_current() ? descriptor_->source() : nullptr;
    }
    /// Returns the record. Call this only if the operation has begun.
    [[nodiscard]] coil::detail::descriptor& target() const noexcept { return *descriptor_; }
    [[nodiscard]] bool has_begun() const noexcept { return attached_; }
    /// Returns true if this program shut the socket down for receiving while the operation was pending. In
    /// that case, an end of stream was not caused by the peer.
    [[nodiscard]] bool was_interrupted() const noexcept { return interrupted_; }

    /// Returns the error that the result represents, or an empty error_code if the operation succeeded.
    [[nodiscard]] std::error_code failure() const noexcept;
    /// Throws `error` with this operation's name and peer in the text.
    [[noreturn]] void fail(std::error_code error, bool is_transfer = false, std::size_t bytes = 0) const;

    // Results that coil defines. They are outside the kernel's range of error numbers, which is -4095 to -1.
    static constexpr std::int32_t refused_second = -5001;  // error::operation_in_progress
    static constexpr std::int32_t refused_size = -5002;    // too many buffers for one datagram: message_size
    static constexpr std::int32_t refused_flags = -5003;   // incompatible flags: operation_not_supported

private:
    friend class descriptor;
    friend class detail::submission;
    friend class event_loop;
    friend class retry_timer;

    /// An operation is `stuck` if its ring was closed but the kernel has not released the operation.
    enum class state : std::uint8_t { idle, waiting, deferred, paused, submitted, stuck, done };

    [[nodiscard]] std::optional<std::int32_t> refusal();
    [[noreturn]] void refuse_context() const;
    [[nodiscard]] bool claim_lane() noexcept;
    [[nodiscard]] bool lane_is_free() const noexcept;
    [[nodiscard]] bool wait_in_line(operation*& ahead) noexcept;
    void leave_lane() noexcept;
    void complete() noexcept;

    // ---- transitions, called by detail::submission and the loop -------------------------------------------

    /// Fills in the SQE and adds the operation to the record's list of operations in the kernel.
    void on_submitted(io_uring_sqe& sqe) noexcept;
    void on_deferred() noexcept { state_ = state::deferred; }
    void on_paused() noexcept { state_ = state::paused; }
    /// Records that a cancel has been requested. Returns false if a cancel had been requested before.
    [[nodiscard]] bool on_cancel() noexcept;
    /// Called for the last completion of a step. The operation takes its next step or completes.
    void on_completion(const coil::detail::answer& given) noexcept;
    /// Called when the ring has been closed. Completes the operation with ECANCELED.
    void on_aborted() noexcept;
    void on_stuck() noexcept { state_ = state::stuck; }
    /// Ends a stuck operation without waiting for the kernel.
    void on_abandoned() noexcept;
    void interrupt() noexcept { interrupted_ = true; }

    [[nodiscard]] bool is_submitted() const noexcept { return state_ == state::submitted; }
    [[nodiscard]] bool is_stuck() const noexcept { return state_ == state::stuck; }
    /// Returns true if the operation is waiting in a list, either before its submission or between two steps.
    [[nodiscard]] bool is_queued() const noexcept {
        return state_ == state::waiting || state_ == state::deferred || state_ == state::paused;
    }
    [[nodiscard]] bool is_of(const coil::detail::descriptor& record) const noexcept {
        return descriptor_ == &record;
    }
    [[nodiscard]] int descriptor_number() const noexcept { return descriptor_->number(); }
    /// Returns the SQE's opcode. Valid only while the operation is submitted or stuck.
    [[nodiscard]] std::uint32_t opcode() const noexcept { return answer_.flags; }
    [[nodiscard]] bool may_repeat_cancel(unsigned repeats_max) noexcept {
        if (cancels_repeated_ >= repeats_max)
            return false;
        ++cancels_repeated_;
        return true;
    }

    coil::detail::descriptor* descriptor_;
    coil::detail::answer answer_;
    std::uint32_t generation_;
    coil::detail::lane lane_ : 3;
    bool cancel_requested_ : 1 = false;
    bool interrupted_ : 1 = false;
    bool attached_ : 1 = false;
    bool takes_steps_ : 1 = false;
    state state_ : 4 = state::idle;
    // The number of times that the cancel was repeated without a pause in between.
    std::uint8_t cancels_repeated_ : 2 = 0;
    std::uint16_t cancels_before_ = 0;
};

}  // namespace coil::COIL_ABI::detail
