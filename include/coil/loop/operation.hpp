// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cerrno>
#include <coroutine>
#include <cstdint>
#include <string>
#include <system_error>

#include <coil/base/error.hpp>
#include <coil/base/time.hpp>
#include <coil/coro/environment.hpp>
#include <coil/loop/descriptor.hpp>

struct io_uring_sqe;

namespace coil::COIL_ABI {

class retry_timer;

/// A completion: the result and the flags of a CQE.
struct answer {
    std::int32_t result = 0;
    std::uint32_t flags = 0;
};

/// How operations on one descriptor may overlap.
enum class lane : std::uint8_t {
    any,         ///< no limit: operations may overlap
    read,        ///< one reader at a time; a second one is refused
    write,       ///< one writer at a time; a second one is refused
    queue,       ///< FIFO: several may wait, and the kernel gets one at a time
    send_queue,  ///< FIFO of sends, on a descriptor without a source
};

/// One kernel operation, from its submission to its completion. It lives in the frame of the coroutine that
/// awaits it.
///
///     idle ----start----> submitted ----CQE----> done ----resumption----> the coroutine continues
///                |            ^                   ^
///                |            | lane, slot free   | refused; or cancelled before the kernel had it
///                +-> waiting, deferred -----------+
///
/// Some operations take several steps, such as a poll and then the transfer: `next_step` examines a
/// completion and submits the next step, immediately or after a pause. The operation keeps its lane in
/// between.
///
/// A multishot operation has any number of completions before its last one, and stays submitted until then:
/// see `more`.
///
/// A cancel is a request to the kernel. The operation still ends with whatever the kernel reports, including
/// bytes that it has moved. A cancel that misses its target is repeated until the operation has ended. The
/// destructor cancels an operation that is in the kernel, and blocks until the kernel has completed it.
///
/// Each kind of operation implements two functions: `prepare` fills the SQE, `await_outcome` interprets the
/// completion.
class operation : public awaited {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller) { start(caller); }

    void stop() noexcept final;
    /// Whether the operation or its descriptor was cancelled, or the descriptor closed, before the task was
    /// resumed. If the operation has moved bytes nevertheless, they are its result.
    [[nodiscard]] bool was_cancelled() const noexcept {
        return cancel_requested_ || (attached_ && (descriptor_->generation_ != generation_ ||
                                                   descriptor_->cancels_ != cancels_before_));
    }
    [[nodiscard]] std::string describe() const override;

protected:
    operation(const descriptor_use& target, environment& task, coil::lane lane) noexcept
        : awaited(task), descriptor_(target.record), generation_(target.generation), lane_(lane) {}
    ~operation();

    /// Fills in the SQE. What the SQE points to is in this object, or is the caller's buffer.
    virtual void prepare(io_uring_sqe& sqe) noexcept = 0;
    /// Called for a completion that isn't the last, and for one that names a pool buffer. Must not resume a
    /// coroutine: the loop is collecting.
    virtual void more(const coil::answer& given) noexcept;
    /// Called if the record is watched, when data has been received ahead that a reader would get inline.
    /// Must not resume a coroutine.
    virtual void source_has_data() noexcept {}
    /// Called for a completion that may not be the end: a failure, or any last completion after
    /// takes_steps(true). Returns true if the operation continues: it has called `submit_again` or `pause`.
    /// It keeps its lane, so no other operation overtakes it. Must not resume a coroutine: the loop is
    /// collecting.
    [[nodiscard]] virtual bool next_step() noexcept;
    /// The name of the call in the socket interface: "recv".
    [[nodiscard]] virtual const char* name() const noexcept = 0;

    /// Calls begin() and, if that returned true, submit().
    void start(std::coroutine_handle<> caller);
    /// Suspends the caller and attaches to the record. Returns false if the operation has already finished,
    /// with an error.
    [[nodiscard]] bool begin(std::coroutine_handle<> caller);
    /// Claims the lane and submits the operation to the ring.
    void submit() noexcept;
    /// Takes the operation's place in its lane. Returns false if it has to wait there, or has finished with
    /// an error.
    [[nodiscard]] bool claim_lane() noexcept;
    /// Submits an operation whose lane is claimed.
    void submit_claimed() noexcept;
    /// Completes with `result`, which isn't the kernel's. The task is resumed in the next iteration of the
    /// loop.
    void finish(std::int32_t result) noexcept;
    /// Fast path for await_ready, if the result is already known: attaches without a suspension. Returns
    /// false if the operation has to suspend: it was stopped, the descriptor was closed, the lane is
    /// occupied, or the task has used up its budget of inline completions.
    [[nodiscard]] bool begin_inline() noexcept;
    /// Attaches to the record, without any check.
    void attach() noexcept;
    /// Completes inline with `result`, after begin_inline() or attach().
    void finish_inline(std::int32_t result) noexcept { answer_ = {result, 0}, state_ = state::done; }
    /// Whether the operation may complete inline now. Takes one from the task's budget of inline completions.
    [[nodiscard]] bool may_complete_inline() noexcept;
    /// Makes the loop call next_step() for successes too.
    void takes_steps(bool does) noexcept { takes_steps_ = does; }
    /// For next_step(): submits the operation again.
    void submit_again() noexcept;
    /// For next_step(): submits the operation again when `timer` expires. A cancel ends it earlier.
    void pause(retry_timer& timer, time_point::duration length) noexcept;
    /// For next_step(): whether the operation was cancelled or stopped. If so, no further step may begin.
    [[nodiscard]] bool should_stop() const noexcept { return was_cancelled() || env().stop_requested(); }
    /// For next_step(): replaces the kernel's result. Returns false, for next_step() to return.
    bool end_with(std::int32_t result) noexcept {
        answer_ = {result, 0};
        return false;
    }
    bool end_aborted() noexcept { return end_with(-ECANCELED); }
    /// Appends the operation to the record's list of waiting operations. The source finishes it.
    void wait_in(coil::descriptor& record) noexcept;
    /// The result was passed on: the destructor has nothing to release.
    void finish_taken() noexcept { answer_.result = 0, state_ = state::taken; }
    /// Cancels the operation, and blocks until the kernel has completed it.
    void retire() noexcept;

    [[nodiscard]] coil::answer answer() const noexcept { return answer_; }
    /// Whether the lane's only place is free. Always true for lanes without such a place.
    [[nodiscard]] bool lane_is_free() const noexcept;
    [[nodiscard]] bool is_done() const noexcept { return state_ == state::done; }
    [[nodiscard]] bool is_idle() const noexcept { return state_ == state::idle; }
    [[nodiscard]] bool is_taken() const noexcept { return state_ == state::taken; }
    [[nodiscard]] coil::lane lane() const noexcept { return lane_; }
    /// Whether the record still stands for the descriptor that the operation was made for.
    [[nodiscard]] bool is_current() const noexcept {
        return descriptor_ && descriptor_->generation() == generation_;
    }
    /// The source of that record, if it has one.
    [[nodiscard]] descriptor_source* source() const noexcept {
        return is_current() ? descriptor_->source() : nullptr;
    }
    /// The record. Only for an operation that has begun.
    [[nodiscard]] coil::descriptor& target() const noexcept { return *descriptor_; }
    [[nodiscard]] bool has_begun() const noexcept { return attached_; }
    [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
    /// Whether our own shutdown ended the operation.
    [[nodiscard]] bool was_interrupted() const noexcept { return interrupted_; }

    /// The error that the result stands for; none if the operation succeeded.
    [[nodiscard]] std::error_code failure() const noexcept;
    /// Throws `error`, with this operation's name and peer in the text.
    [[noreturn]] void fail(std::error_code error, bool is_transfer = false, std::size_t bytes = 0) const;

    /// Makes a finished operation reusable, as if newly constructed.
    void reset() noexcept;

    // Results of our own, outside the kernel's range of -4095 to -1.
    static constexpr std::int32_t refused_second = -5001;  // error::operation_in_progress
    static constexpr std::int32_t refused_size = -5002;    // too many buffers for one datagram: message_size
    static constexpr std::int32_t refused_flags = -5003;   // incompatible flags: operation_not_supported

private:
    friend class io_context;
    friend class descriptor;
    friend class retry_timer;

    /// `stuck`: submitted to a former ring of the context, which has not released it.
    enum class state : std::uint8_t { idle, waiting, deferred, paused, submitted, stuck, done, taken };

    void complete() noexcept;
    void leave_lane() noexcept;
    [[nodiscard]] bool wait_in_line(operation*& ahead) noexcept;
    [[noreturn]] void refuse_context() const;

    coil::descriptor* descriptor_;
    coil::answer answer_;
    std::uint32_t generation_;
    coil::lane lane_ : 3;
    bool cancel_requested_ : 1 = false;
    bool interrupted_ : 1 = false;
    bool attached_ : 1 = false;
    bool takes_steps_ : 1 = false;
    state state_ : 4 = state::idle;
    std::uint8_t cancels_repeated_ : 2 = 0;  // without a pause
    std::uint16_t cancels_before_ = 0;
};

}  // namespace coil::COIL_ABI
