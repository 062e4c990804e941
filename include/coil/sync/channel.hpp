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

/// What channels of all types have in common.
class channel_base {
public:
    channel_base(const channel_base&) = delete;
    channel_base& operator=(const channel_base&) = delete;

    /// Nothing more is sent. Who waits to send fails with error::channel_closed; what is in the channel can still be
    /// received; who waits to receive, and found nothing, gets the end.
    void close() noexcept;
    [[nodiscard]] bool is_closed() const noexcept { return closed_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

protected:
    explicit channel_base(std::size_t capacity) noexcept : capacity_(capacity) {}
    ~channel_base();

    [[nodiscard]] bool is_in_use() noexcept {
        forget_orphans();
        return !senders_.empty() || !receivers_.empty();
    }
    void forget_orphans() noexcept;

    affinity affinity_;
    queued_operation::line senders_;    // nobody, unless the channel is full
    queued_operation::line receivers_;  // nobody, unless the channel is empty, of senders too
    std::size_t handed_over_ = 0;       // messages that are in a receiver, whose turn is still to come
    bool closed_ = false;

private:
    const std::size_t capacity_;
};

/// Passes values from tasks to tasks of one context, in order, each to one receiver.
/// For a mere signal use an `event`; from other threads, `io_context::post` a function that sends.
///
///     channel<std::string> lines(16);
///     co_await lines.send("hello");                       // waits while the channel is full
///     while (auto line = co_await lines.receive())        // empty: closed, and everything was received
///         log(*line);
///
/// With capacity 0 sender and receiver meet: a send is done when somebody has received. `channel<T>::unbounded` never
/// makes a sender wait. Any number may send and receive, first come, first served on both sides.
///
/// Nothing is lost: a send that was stopped has not sent, and one that completed has. What was handed to a receiver that is
/// stopped is received; one that is destroyed before its turn leaves its message to the next, or at the head of the channel.
///
/// T:        moves without throwing; needs neither copies nor a default constructor. On g++ 12 an aggregate that owns
///           something is named first, and moved: `send(message{...})` would destroy it twice (docs/compilers.md).
/// Threads:  one context.
/// Lifetime: outlives its waiters: declare it ahead of the context on which they run. If it does not, a line on stderr
///           says so and they end with operation_aborted (builds with assertions stop there). Every build stops where a
///           message was handed over to a task that has not resumed. It doesn't move.
///           Messages that nobody received are destroyed with it.
/// Cost:     waiters and their messages live in the waiting coroutine's frame. One block for the messages is allocated with
///           the channel; it grows for an unbounded one, and where more receivers than `capacity` are woken at a time.
template <class T>
class channel : public channel_base {
public:
    static_assert(std::is_object_v<T> && !std::is_const_v<T> && std::is_nothrow_move_constructible_v<T>,
                  "a channel's messages are moved about, where nobody could be told that it failed: a type "
                  "that can't be moved without throwing goes into a std::unique_ptr");

    /// A capacity without end.
    static constexpr std::size_t unbounded = SIZE_MAX;

    explicit channel(std::size_t capacity);

    class send_operation;
    class send_description;
    class receive_operation;
    class receive_description;

    /// Sends a message. It is the operation's own until it is sent.
    ///
    /// Completes: at once if there is room or a receiver waits, else on the next turn after a receiver made room.
    /// Errors:    error::channel_closed; operation_aborted in a stopped scope; wrong_context. Then the message was not sent, and is
    ///            destroyed with the operation. A cancel that comes after it was sent comes too late.
    ///            Throws std::bad_alloc where the channel would have to grow and can't.
    send_description send(T message);

    /// Receives a message: a std::optional<T>, empty at the end only, when the channel is closed and has none left.
    ///
    /// Completes: at once if there is a message or somebody waits to send one, else on the next turn after it was handed
    ///            over. The end is told on the next turn.
    /// Errors:    operation_aborted in a stopped scope; wrong_context. A cancel only ends the wait; one that comes after a message was
    ///            handed over comes too late.
    receive_description receive() noexcept;

    /// Sends if that needs no wait. False, with the message left as it was: the channel is full or closed.
    [[nodiscard]] bool try_send(T&& message) {
        affinity_.check_thread("channel::try_send");
        forget_orphans();
        return !closed_ && put(message);
    }
    [[nodiscard]] bool try_send(const T& message)
        requires std::copy_constructible<T>
    {
        affinity_.check_thread("channel::try_send");
        forget_orphans();
        return !closed_ && has_room() && try_send(T(message));
    }

    /// Empty if nothing is there to receive without a wait.
    [[nodiscard]] std::optional<T> try_receive();

    /// How many messages it holds: without those of waiting senders, and those that were handed over.
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

    channel_queue<T> messages_;
};

// Implementation

template <class T>
class [[nodiscard("co_await it")]] channel<T>::send_operation final : public queued_operation {
public:
    send_operation(channel& into, T&& message, environment& task)
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
            throw_failure(error, describe());
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
    send_operation operation_in(environment& task) && { return {*channel_, std::move(message_), task}; }

private:
    channel* channel_;
    T message_;
};

template <class T>
class [[nodiscard("co_await it")]] channel<T>::receive_operation final : public queued_operation {
public:
    receive_operation(channel& from, environment& task) noexcept : queued_operation(task), channel_(&from) {}
    receive_operation(const receive_operation&) = delete;
    receive_operation& operator=(const receive_operation&) = delete;
    ~receive_operation() {
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
            throw_failure(error, describe());
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
    std::optional<T> message_;  // granted without one: the end
};

template <class T>
class [[nodiscard("co_await it")]] channel<T>::receive_description {
public:
    explicit receive_description(channel& from) noexcept : channel_(&from) {}
    receive_operation operation_in(environment& task) const noexcept { return {*channel_, task}; }

private:
    channel* channel_;
};

template <class T>
channel<T>::channel(std::size_t capacity) : channel_base(capacity) {
    if (capacity != unbounded)
        messages_.reserve(capacity + 1);  // one for a message that is handed over while the channel is full
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
    forget_orphans();
    std::optional<T> received;
    static_cast<void>(get(received));
    return received;
}

/// False where it would have to wait; then nothing was touched. Whether the channel is closed, the caller has asked.
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

/// From a receiver that is gone. There is a place: it was kept.
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

/// For one message more. Those that are handed over have a place too, in which each can be put back without allocating.
template <class T>
void channel<T>::make_place() {
    const std::size_t needed = size() + handed_over_ + 1;
    if (needed > messages_.places()) [[unlikely]]
        messages_.reserve(needed < 8 ? 8 : 2 * needed);
}

}  // namespace coil::COIL_ABI
