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

namespace coil::COIL_ABI {

class retry_timer;

namespace detail {
class submission;
}  // namespace detail

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
///     await_suspend: attach to the record -> before_submit() -> lane -> the record's source, or the ring
///
///     idle ----await_suspend----> submitted ----CQE----> done ----resumption----> the coroutine continues
///                     |             ^                     ^
///                     |             | lane, slot free     | refused; or cancelled before the kernel had it
///                     +--> waiting, deferred -------------+
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
/// completion. Only this class writes an operation's state; `detail::submission` keeps the lists.
class operation : public awaited {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    /// The one way to begin. Throws only what before_submit() throws, and if the coroutine is on the wrong
    /// context or thread; the coroutine is not suspended then.
    void await_suspend(std::coroutine_handle<> caller);

    void stop() noexcept final;
    /// Whether the operation or its descriptor was cancelled, or the descriptor closed, before the task was
    /// resumed. If the operation has moved bytes nevertheless, they are its result.
    [[nodiscard]] bool was_cancelled() const noexcept {
        return cancel_requested_ ||
               (attached_ && (!is_current() || descriptor_->cancels() != cancels_before_));
    }
    [[nodiscard]] std::string describe() const override;

    // ---- for the source that the operation waits for ------------------------------------------------------

    /// Appends the operation to the record's list of waiting operations. The source finishes it.
    void wait_in(coil::descriptor& record) noexcept;
    /// Completes with `result`, which isn't the kernel's. The task is resumed in the next iteration of the
    /// loop.
    void finish(std::int32_t result) noexcept;
    /// Submits the operation to the ring: the source does not serve it.
    void submit_to_ring() noexcept;

protected:
    operation(const descriptor_use& target, environment& task, coil::lane lane) noexcept
        : awaited(task), descriptor_(target.record), generation_(target.generation), lane_(lane) {}
    ~operation();

    /// Called before the operation takes its lane. Returns the result if the operation must not be submitted.
    /// May throw.
    [[nodiscard]] virtual std::optional<std::int32_t> before_submit() { return std::nullopt; }
    /// Fills in the SQE. What the SQE points to is in this object, or is the caller's buffer.
    virtual void prepare(io_uring_sqe& sqe) noexcept = 0;
    /// Called for a completion that isn't the last, and for one that names a pool buffer. Must not resume a
    /// coroutine: the loop is collecting.
    virtual void more(const coil::answer& given) noexcept;
    /// Called if the record is watched, when data has been received ahead that a reader would get inline.
    /// Must not resume a coroutine.
    virtual void source_has_data() noexcept {}
    /// Called for a completion that may not be the end: a failure, or any last completion after
    /// takes_steps(true). Returns true if the operation continues: it has called `submit`, `submit_to_ring`
    /// or `pause`. It keeps its lane, so no other operation overtakes it. Must not resume a coroutine: the
    /// loop is collecting.
    [[nodiscard]] virtual bool next_step() noexcept;
    /// The name of the call in the socket interface: "recv".
    [[nodiscard]] virtual const char* name() const noexcept = 0;

    /// Submits an operation that holds its place in the lane: to the record's source if that serves the lane,
    /// else to the ring.
    void submit() noexcept;
    /// For run(): begins once more, behind operations that have queued meanwhile.
    void restart() noexcept;
    /// For next_step(): submits the operation to the ring again when `timer` expires. A cancel ends it
    /// earlier.
    void pause(retry_timer& timer, time_point::duration length) noexcept;
    /// Cancels the operation, and blocks until the kernel has completed it.
    void retire() noexcept;

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
    /// For next_step(): whether the operation was cancelled or stopped. If so, no further step may begin.
    [[nodiscard]] bool should_stop() const noexcept { return was_cancelled() || env().stop_requested(); }
    /// For next_step(): replaces the kernel's result. Returns false, for next_step() to return.
    bool end_with(std::int32_t result) noexcept {
        answer_ = {result, 0};
        return false;
    }
    bool end_aborted() noexcept { return end_with(-ECANCELED); }
    /// Makes a finished operation reusable, as if newly constructed.
    void reset() noexcept;

    [[nodiscard]] coil::answer answer() const noexcept { return answer_; }
    [[nodiscard]] bool is_done() const noexcept { return state_ == state::done; }
    [[nodiscard]] bool is_idle() const noexcept { return state_ == state::idle; }
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
    /// Whether our own shutdown ended the operation.
    [[nodiscard]] bool was_interrupted() const noexcept { return interrupted_; }

    /// The error that the result stands for; none if the operation succeeded.
    [[nodiscard]] std::error_code failure() const noexcept;
    /// Throws `error`, with this operation's name and peer in the text.
    [[noreturn]] void fail(std::error_code error, bool is_transfer = false, std::size_t bytes = 0) const;

    // Results of our own, outside the kernel's range of -4095 to -1.
    static constexpr std::int32_t refused_second = -5001;  // error::operation_in_progress
    static constexpr std::int32_t refused_size = -5002;    // too many buffers for one datagram: message_size
    static constexpr std::int32_t refused_flags = -5003;   // incompatible flags: operation_not_supported

private:
    friend class descriptor;
    friend class detail::submission;
    friend class io_context;
    friend class retry_timer;

    /// `stuck`: submitted to an earlier ring of the context, which has not released it.
    enum class state : std::uint8_t { idle, waiting, deferred, paused, submitted, stuck, done };

    [[nodiscard]] std::optional<std::int32_t> refusal();
    [[noreturn]] void refuse_context() const;
    [[nodiscard]] bool claim_lane() noexcept;
    [[nodiscard]] bool lane_is_free() const noexcept;
    [[nodiscard]] bool wait_in_line(operation*& ahead) noexcept;
    void leave_lane() noexcept;
    void complete() noexcept;

    // ---- transitions, called by the loop ------------------------------------------------------------------

    /// Fills the SQE, and enters the record's list of operations in the kernel.
    void on_submitted(io_uring_sqe& sqe) noexcept;
    void on_deferred() noexcept { state_ = state::deferred; }
    void on_paused() noexcept { state_ = state::paused; }
    /// Returns false if a cancel was requested before.
    [[nodiscard]] bool on_cancel() noexcept;
    /// The last completion: the operation takes its next step, or completes.
    void on_completion(const coil::answer& given) noexcept;
    /// The ring was closed.
    void on_aborted() noexcept;
    void on_stuck() noexcept { state_ = state::stuck; }
    /// Gives up an operation that is stuck.
    void on_abandoned() noexcept;
    void interrupt() noexcept { interrupted_ = true; }

    [[nodiscard]] bool is_submitted() const noexcept { return state_ == state::submitted; }
    [[nodiscard]] bool is_stuck() const noexcept { return state_ == state::stuck; }
    /// Whether it is in a list of operations that the kernel does not have.
    [[nodiscard]] bool is_queued() const noexcept {
        return state_ == state::waiting || state_ == state::deferred || state_ == state::paused;
    }
    [[nodiscard]] bool is_of(const coil::descriptor& record) const noexcept { return descriptor_ == &record; }
    [[nodiscard]] int descriptor_number() const noexcept { return descriptor_->number(); }
    /// The opcode of the SQE; only while submitted or stuck.
    [[nodiscard]] std::uint32_t opcode() const noexcept { return answer_.flags; }
    [[nodiscard]] bool may_repeat_cancel(unsigned repeats_max) noexcept {
        return cancels_repeated_ < repeats_max && ++cancels_repeated_ > 0;
    }

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
