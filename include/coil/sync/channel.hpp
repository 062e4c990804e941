// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <coil/base/outcome.hpp>
#include <coil/sync/channel_queue.hpp>
#include <coil/sync/queued_operation.hpp>

namespace coil::COIL_ABI {

namespace detail {

/// The base class of `channel`, with everything that does not depend on the message type.
class channel_base {
public:
    channel_base(const channel_base&) = delete;
    channel_base& operator=(const channel_base&) = delete;

    /// Closes the channel. Sends that are waiting, and all later sends, fail with error::channel_closed.
    /// Buffered messages can still be received. After the last buffered message, every receive() returns an
    /// empty optional, including the receives that are already waiting.
    void close() noexcept;
    [[nodiscard]] bool is_closed() const noexcept { return closed_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

protected:
    explicit channel_base(std::size_t capacity) noexcept : capacity_(capacity) {}
    ~channel_base();

    [[nodiscard]] bool is_in_use() noexcept {
        drop_orphans();
        return !senders_.empty() || !receivers_.empty();
    }
    void drop_orphans() noexcept;

    affinity affinity_;
    queued_operation::queue senders_;    // empty unless the channel is full
    queued_operation::queue receivers_;  // empty if there is a message or a waiting sender
    std::size_t handed_over_ = 0;        // messages in receivers that have not resumed yet
    bool closed_ = false;

private:
    const std::size_t capacity_;
};

}  // namespace detail

/// A FIFO queue that passes values between tasks of one context. Each value goes to exactly one receiver. To
/// signal without a value, use an `event`. To send from another thread, call `io_context::post` with a
/// function that sends.
///
///     channel<std::string> lines(16);
///     co_await lines.send("hello");                       // waits while the channel is full
///     while (auto line = co_await lines.receive())        // ends when closed and drained
///         log(*line);
///
/// send() provides back-pressure: it waits while `capacity` messages are buffered. With a capacity of 0, a
/// send completes when a receiver takes the message (rendezvous). With `channel<T>::unbounded`, senders never
/// wait. Any number of tasks may send and receive, and both sides are served in FIFO order.
///
/// No message is lost. A send that was stopped has not sent its message, and a send that completed has sent
/// it. After a message has been handed over to a receiver, a stop of that receiver has no effect. If the
/// receiver is destroyed before it resumes, the message goes to the next receiver, or back to the head of the
/// queue.
///
/// T:        must be movable without throwing; need not be copyable or default-constructible. With g++ 12, do
///           not send a temporary aggregate that owns resources, because `send(message{...})` would destroy
///           the aggregate twice. Move a named object instead (docs/compilers.md).
/// Threads:  one context.
/// Lifetime: must outlive its waiters, so declare it before the io_context that runs them. Otherwise the
///           destructor reports the mistake on stderr, and the waiters fail with operation_aborted (builds
///           with assertions abort instead). Every build aborts if a message has been handed over to a task
///           that has not resumed yet. Unreceived messages are destroyed with the channel. Not movable.
/// Cost:     waiters and their messages live in the waiting coroutine's frame. The constructor of a bounded
///           channel allocates one block for `capacity` + 1 messages. The block grows if more messages are
///           buffered, or handed over to receivers that have not resumed yet. The block of an unbounded
///           channel grows as needed.
template <class T>
class channel : public detail::channel_base {
public:
    static_assert(std::is_object_v<T> && !std::is_const_v<T> && std::is_nothrow_move_constructible_v<T>,
                  "channel<T> needs an object type that is not const and moves without throwing: wrap other "
                  "types in a std::unique_ptr");

    /// The capacity of a channel that never makes a sender wait.
    static constexpr std::size_t unbounded = SIZE_MAX;

    explicit channel(std::size_t capacity);

    class send_operation;
    class send_description;
    class receive_operation;
    class receive_description;

    /// Sends a message. The operation owns the message until it has been sent.
    ///
    /// Completes: inline if the channel has free space or a receiver is waiting, otherwise in the loop
    ///            iteration after a receiver has taken a message.
    /// Errors:    error::channel_closed; operation_aborted in a stopped scope; wrong_context. After an error,
    ///            the message has not been sent, and is destroyed with the operation. A cancel has no effect
    ///            after the message has been sent. Throws std::bad_alloc if the channel cannot allocate space
    ///            for the message.
    send_description send(T message);

    /// Receives a message as a std::optional<T>. The optional is empty only if the channel is closed and
    /// drained.
    ///
    /// Completes: inline if there is a message or a waiting sender, otherwise in the loop iteration after a
    ///            message has been handed over. A receive from a closed and drained channel completes in the
    ///            next iteration.
    /// Errors:    operation_aborted in a stopped scope; wrong_context. A cancel ends the wait and takes no
    ///            message. It has no effect after a message has been handed over.
    receive_description receive() noexcept;

    /// Sends the message without waiting. Returns false and leaves the message unchanged if the channel is
    /// full or closed.
    [[nodiscard]] bool try_send(T&& message) {
        affinity_.check_thread("channel::try_send");
        drop_orphans();
        return !closed_ && put(message);
    }
    [[nodiscard]] bool try_send(const T& message)
        requires std::copy_constructible<T>
    {
        affinity_.check_thread("channel::try_send");
        drop_orphans();
        return !closed_ && has_room() && try_send(T(message));
    }

    /// Receives a message without waiting. Returns an empty optional if there is no message.
    [[nodiscard]] std::optional<T> try_receive();

    /// The number of buffered messages. It does not include messages of waiting senders, or messages that
    /// have already been handed over to a receiver.
    [[nodiscard]] std::size_t size() const noexcept { return messages_.size(); }
    [[nodiscard]] bool empty() const noexcept { return messages_.empty(); }

private:
    [[nodiscard]] bool has_room() const noexcept { return !receivers_.empty() || size() < capacity(); }
    [[nodiscard]] bool has_message() const noexcept { return !messages_.empty() || !senders_.empty(); }
    [[nodiscard]] bool put(T& message);
    [[nodiscard]] bool get(std::optional<T>& target);
    void put_back(T&& message) noexcept;
    void hand_over(T&& message) noexcept;
    T take_from_sender() noexcept;
    void make_place();

    detail::channel_queue<T> messages_;
};

// Implementation

template <class T>
class [[nodiscard("co_await it")]] channel<T>::send_operation final : public detail::queued_operation {
public:
    send_operation(channel& into, T&& message, detail::environment& task)
        : queued_operation(task), channel_(&into), message_(std::move(message)) {}

    bool await_ready() {
        if (!is_admitted(channel_->affinity_, [this] { return channel_->is_in_use(); }) ||
            channel_->closed_ || !channel_->has_room() || !may_complete_inline() || !channel_->put(message_))
            return false;
        grant();
        return true;
    }
    void await_suspend(std::coroutine_handle<> waiter) {
        if (!enter(waiter, channel_->affinity_, [this] { return channel_->is_in_use(); }))
            return;
        if (channel_->closed_)
            fail(error::channel_closed);
        else if (channel_->put(message_))
            grant();
        else
            wait_in(channel_->senders_);
    }
    outcome<void> await_outcome() noexcept { return take(); }
    void await_resume() {
        if (const auto error = take())
            detail::throw_failure(error, describe());
    }
    std::string describe() const override { return "send to a channel"; }

private:
    friend class channel;

    channel* channel_;
    T message_;
};

template <class T>
class [[nodiscard("co_await it")]] channel<T>::send_description {
public:
    send_description(channel& into, T&& message) noexcept : channel_(&into), message_(std::move(message)) {}
    send_operation operation_in(detail::environment& task) && {
        return {*channel_, std::move(message_), task};
    }

private:
    channel* channel_;
    T message_;
};

template <class T>
class [[nodiscard("co_await it")]] channel<T>::receive_operation final : public detail::queued_operation {
public:
    receive_operation(channel& from, detail::environment& task) noexcept
        : queued_operation(task), channel_(&from) {}
    receive_operation(const receive_operation&) = delete;
    receive_operation& operator=(const receive_operation&) = delete;
    ~receive_operation() override {
        if (!is_untaken() || !message_)
            return;
        --channel_->handed_over_;
        channel_->put_back(*std::move(message_));
    }

    bool await_ready() {
        if (!is_admitted(channel_->affinity_, [this] { return channel_->is_in_use(); }) ||
            !channel_->has_message() || !may_complete_inline())
            return false;
        return receive();
    }
    void await_suspend(std::coroutine_handle<> waiter) {
        if (!enter(waiter, channel_->affinity_, [this] { return channel_->is_in_use(); }) || receive())
            return;
        if (channel_->closed_)
            grant();
        else
            wait_in(channel_->receivers_);
    }
    outcome<std::optional<T>> await_outcome() noexcept {
        if (const auto error = take())
            return error;
        return outcome<std::optional<T>>(taken());
    }
    std::optional<T> await_resume() {
        if (const auto error = take())
            detail::throw_failure(error, describe());
        return taken();
    }
    std::string describe() const override { return "receive from a channel"; }

private:
    friend class channel;

    bool receive() {
        if (!channel_->get(message_))
            return false;
        ++channel_->handed_over_;
        grant();
        return true;
    }
    std::optional<T> taken() noexcept {
        if (message_)
            --channel_->handed_over_;
        return std::move(message_);
    }

    channel* channel_;
    std::optional<T> message_;  // empty after a grant if the channel is closed and drained
};

template <class T>
class [[nodiscard("co_await it")]] channel<T>::receive_description
    : public detail::co_await_is_missing<std::optional<T>, receive_description> {
public:
    explicit receive_description(channel& from) noexcept : channel_(&from) {}
    receive_operation operation_in(detail::environment& task) const noexcept { return {*channel_, task}; }

private:
    channel* channel_;
};

template <class T>
channel<T>::channel(std::size_t capacity) : channel_base(capacity) {
    if (capacity != unbounded)
        messages_.reserve(capacity + 1);  // + 1: a message taken from a full channel keeps its slot
}

template <class T>
auto channel<T>::send(T message) -> send_description {
    return send_description(*this, std::move(message));
}

template <class T>
auto channel<T>::receive() noexcept -> receive_description {
    return receive_description(*this);
}

template <class T>
std::optional<T> channel<T>::try_receive() {
    affinity_.check_thread("channel::try_receive");
    drop_orphans();
    std::optional<T> received;
    static_cast<void>(get(received));
    return received;
}

/// Moves the message into the channel or to a receiver. If the sender has to wait, returns false and changes
/// nothing. The caller must first check that the channel is open.
template <class T>
bool channel<T>::put(T& message) {
    if (!has_room())
        return false;
    make_place();
    if (receivers_.empty())
        messages_.push_back(std::move(message));
    else
        hand_over(std::move(message));
    return true;
}

template <class T>
bool channel<T>::get(std::optional<T>& target) {
    if (!has_message())
        return false;
    make_place();
    if (messages_.empty()) {
        target.emplace(take_from_sender());
        return true;
    }
    target.emplace(messages_.pop_front());
    if (!senders_.empty() && size() < capacity())
        messages_.push_back(take_from_sender());
    return true;
}

/// Returns the message of a destroyed receiver to the channel. make_place() has kept a slot free for the
/// message.
template <class T>
void channel<T>::put_back(T&& message) noexcept {
    if (receivers_.empty())
        messages_.push_front(std::move(message));
    else
        hand_over(std::move(message));
}

template <class T>
void channel<T>::hand_over(T&& message) noexcept {
    auto& receiver = static_cast<receive_operation&>(receivers_.pop_front());
    receiver.message_.emplace(std::move(message));
    ++handed_over_;
    receiver.grant();
}

template <class T>
T channel<T>::take_from_sender() noexcept {
    auto& sender = static_cast<send_operation&>(senders_.pop_front());
    sender.grant();
    return std::move(sender.message_);
}

/// Makes sure that the queue has a free slot for one more message. A handed-over message keeps its slot until
/// the receiver resumes, so that put_back() need not allocate.
template <class T>
void channel<T>::make_place() {
    const std::size_t needed = size() + handed_over_ + 1;
    if (needed > messages_.places()) [[unlikely]]
        messages_.reserve(needed < 8 ? 8 : 2 * needed);
}

}  // namespace coil::COIL_ABI
