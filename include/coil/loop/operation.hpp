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

/// What the kernel said: a CQE's result and flags.
struct answer {
    std::int32_t result = 0;
    std::uint32_t flags = 0;
};

/// Who else may be at work on the same descriptor.
enum class lane : std::uint8_t {
    any,         ///< operations of this kind may overlap
    read,        ///< one at a time; a second is refused
    write,       ///< one at a time; a second is refused
    queue,       ///< several may wait; the kernel gets them one by one, in order
    send_queue,  ///< the same for sends, of a descriptor without a source
};

/// One operation of the kernel, from the question to the answer. It lives in the frame of the coroutine that awaits it.
///
///     idle ----start----> submitted ----CQE----> done ----its turn----> the coroutine goes on
///                |            ^                   ^
///                |            | its turn, a slot  | refused; or cancelled before the kernel had it
///                +-> waiting, deferred -----------+
///
/// Some operations take several steps, such as a poll and then the transfer: `next_step` looks at an answer and submits the
/// next step, at once or after a pause. Meanwhile the operation stays where it is in its lane.
///
/// A multishot operation has any number of answers before the last, and stays submitted until that: `more`.
///
/// A cancel is a question to the kernel too: the answer to the operation is delivered as it comes, with the bytes that it
/// moved. A cancel that misses its target is repeated until the operation has ended. Destroyed while the kernel has it, it
/// is cancelled, and its destructor waits until the kernel lets go.
///
/// A kind of operation is two functions side by side: `prepare`, what we ask of the kernel, and `await_outcome`, what the
/// answer means.
class operation : public awaited {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller) { start(caller); }

    void stop() noexcept final;
    /// Whether it was asked to end, or its descriptor was cancelled or closed, before its turn came. What it moved all the
    /// same is its result.
    [[nodiscard]] bool was_cancelled() const noexcept {
        return cancel_asked_ || (attached_ && (descriptor_->generation_ != generation_ ||
                                               descriptor_->cancels_ != cancels_before_));
    }
    [[nodiscard]] std::string describe() const override;

protected:
    operation(const descriptor_use& target, environment& task, coil::lane lane) noexcept
        : awaited(task), descriptor_(target.record), generation_(target.generation), lane_(lane) {}
    ~operation();

    /// Fills in the SQE: what we ask. What it points to lives in this object, or is the caller's buffer.
    virtual void prepare(io_uring_sqe& sqe) noexcept = 0;
    /// An answer that isn't the last, or one that brings a buffer of the pool. Nobody is resumed here: the loop collects.
    virtual void more(const coil::answer& given) noexcept;
    /// The record was watched, and has received something ahead, which whoever asks for it gets at once. Nobody is resumed
    /// here.
    virtual void source_has_news() noexcept {}
    /// An answer that may not be the end: a failure, or any last answer if `takes_steps` was called. Returns true if the
    /// operation goes on: it has called `submit_again` or `pause`, and has kept its lane, so that no other operation gets ahead
    /// of it. The loop calls this while it collects: resume nothing.
    [[nodiscard]] virtual bool next_step() noexcept;
    /// In the words of the socket interface: "recv".
    [[nodiscard]] virtual const char* name() const noexcept = 0;

    /// Remembers who waits, and asks the kernel, if the way is free.
    void start(std::coroutine_handle<> caller);
    /// The first half of it: false where the operation has ended already.
    [[nodiscard]] bool begin(std::coroutine_handle<> caller);
    /// The second half.
    void submit() noexcept;
    /// Which is two steps: takes its place among those at work on the descriptor; false where it has to wait, or has ended.
    [[nodiscard]] bool claim_lane() noexcept;
    /// And asks the kernel.
    void submit_claimed() noexcept;
    /// Ends it with an answer that isn't the kernel's. Its turn comes on the next turn of the loop.
    void finish(std::int32_t result) noexcept;
    /// For await_ready, where the answer is there already: begins without a suspension. False: it has to go the long way,
    /// because a stop or a close is in the way, or so that a task which never waits lets the others have their turn.
    [[nodiscard]] bool begin_at_once() noexcept;
    /// The beginning, without the question whether it may.
    void attach() noexcept;
    /// The end of what began so.
    void finish_at_once(std::int32_t result) noexcept { answer_ = {result, 0}, state_ = state::done; }
    /// Whether what begins so may, now.
    [[nodiscard]] bool may_end_at_once() noexcept;
    /// Has next_step() called for successes as well.
    void takes_steps(bool does) noexcept { takes_steps_ = does; }
    /// For next_step(): submits the operation anew.
    void submit_again() noexcept;
    /// For next_step(): submits the operation anew when `timer` expires. A cancel ends it before that.
    void pause(retry_timer& timer, time_point::duration length) noexcept;
    /// For next_step(): whether the operation was cancelled or stopped. Then no further step begins.
    [[nodiscard]] bool is_asked_to_end() const noexcept { return was_cancelled() || env().stop_requested(); }
    /// For next_step(): the operation ends with this result instead of the kernel's. Returns false, as next_step() then does.
    bool end_with(std::int32_t result) noexcept {
        answer_ = {result, 0};
        return false;
    }
    bool end_aborted() noexcept { return end_with(-ECANCELED); }
    /// Stands in line in the record's list, for somebody who will finish it.
    void wait_in(coil::descriptor& record) noexcept;
    /// The answer was handed on: whoever destroys this need not look after it.
    void finish_taken() noexcept { answer_.result = 0, state_ = state::taken; }
    /// Cancels, and returns when the kernel has let go.
    void retire() noexcept;

    [[nodiscard]] coil::answer answer() const noexcept { return answer_; }
    /// Whether nobody has the place that its lane gives to one at a time.
    [[nodiscard]] bool lane_is_free() const noexcept;
    [[nodiscard]] bool is_done() const noexcept { return state_ == state::done; }
    [[nodiscard]] bool is_idle() const noexcept { return state_ == state::idle; }
    [[nodiscard]] bool is_taken() const noexcept { return state_ == state::taken; }
    [[nodiscard]] coil::lane lane() const noexcept { return lane_; }
    /// Whether the record it is meant for still stands for the same descriptor.
    [[nodiscard]] bool is_current() const noexcept {
        return descriptor_ && descriptor_->generation() == generation_;
    }
    /// What fills that record, if there is such a thing.
    [[nodiscard]] descriptor_source* source() const noexcept {
        return is_current() ? descriptor_->source() : nullptr;
    }
    /// The record; only of an operation that has begun, which it can't without one.
    [[nodiscard]] coil::descriptor& target() const noexcept { return *descriptor_; }
    [[nodiscard]] bool has_begun() const noexcept { return attached_; }
    [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
    /// Whether our own shutdown ended it.
    [[nodiscard]] bool was_interrupted() const noexcept { return interrupted_; }

    /// The error that the answer stands for; none where it is a success.
    [[nodiscard]] std::error_code failure() const noexcept;
    /// Throws that error, with this operation's name and peer in the text.
    [[noreturn]] void fail(std::error_code error, bool is_transfer = false, std::size_t bytes = 0) const;

    /// For an operation that is used again: as if newly made.
    void reset() noexcept;

    // Answers that are ours, beyond the kernel's range of -4095 to -1.
    static constexpr std::int32_t refused_second = -5001;  // error::operation_in_progress
    static constexpr std::int32_t refused_size = -5002;    // too many buffers for one datagram: message_size
    static constexpr std::int32_t refused_flags = -5003;   // that can't be combined: operation_not_supported

private:
    friend class io_context;
    friend class descriptor;
    friend class retry_timer;

    /// `stuck`: a former ring of the context has it, and has not let go of it.
    enum class state : std::uint8_t { idle, waiting, deferred, paused, submitted, stuck, done, taken };

    void complete() noexcept;
    void leave_lane() noexcept;
    [[nodiscard]] bool wait_in_line(operation*& ahead) noexcept;
    [[noreturn]] void refuse_context() const;

    coil::descriptor* descriptor_;
    coil::answer answer_;
    std::uint32_t generation_;
    coil::lane lane_ : 3;
    bool cancel_asked_ : 1 = false;
    bool interrupted_ : 1 = false;
    bool attached_ : 1 = false;
    bool takes_steps_ : 1 = false;
    state state_ : 4 = state::idle;
    std::uint8_t cancels_repeated_ : 2 = 0;  // without a pause, since the first one
    std::uint16_t cancels_before_ = 0;
};

}  // namespace coil::COIL_ABI
