// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/test/stream_pair.hpp>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <new>
#include <utility>

#include <coil/coro/affinity.hpp>

namespace coil::COIL_ABI::test {

/// One direction of a pair: the bytes in flight, and the operation that is waiting at each end.
struct memory_pipe {
    explicit memory_pipe(const stream_pair::options& chosen) : options(chosen) {}

    stream_pair::options options;
    detail::affinity owner;
    std::deque<std::byte> bytes;
    memory_operation* receiver = nullptr;
    memory_operation* sender = nullptr;
    // The number of times that each end was cancelled. An operation stores the number when it starts. If the
    // number has changed since then, was_cancelled() returns true. This includes a cancel that arrives after
    // the operation has ended but before its task has been resumed.
    unsigned receiver_cancels = 0;
    unsigned sender_cancels = 0;
    bool is_ended = false;            // the sender will send no more
    bool receiver_is_closed = false;  // the receiver will receive no more
    bool is_reset = false;

    // Drops the waiting operations if their context has ended without destroying the frames of its tasks. No
    // scheduler would ever resume these operations.
    void drop_orphans() noexcept {
        if (owner.has_ended())
            receiver = sender = nullptr;
    }
    [[nodiscard]] bool is_in_use() noexcept {
        drop_orphans();
        return receiver || sender;
    }
    // Call this first in every function that may resume a waiting operation.
    void begin(const char* call) noexcept {
        owner.require_thread(call);
        drop_orphans();
    }
};

namespace {

// Returns how many bytes one operation may move. `available` is the number of bytes in the pipe for a
// receive, and the number of free bytes for a send.
std::size_t share_of(const memory_pipe& pipe, std::size_t available) noexcept {
    return std::min(available, pipe.options.transfer_max);
}

std::size_t take(memory_pipe& pipe, mutable_buffer into, std::size_t limit) noexcept {
    const std::size_t n = std::min({into.size(), pipe.bytes.size(), limit});
    const auto end = pipe.bytes.begin() + static_cast<std::ptrdiff_t>(n);
    std::copy(pipe.bytes.begin(), end, static_cast<std::byte*>(into.data()));
    pipe.bytes.erase(pipe.bytes.begin(), end);
    return n;
}

std::size_t put(memory_pipe& pipe, const_buffer from, std::size_t limit) {
    const std::size_t n = std::min(from.size(), limit);
    const auto* bytes = static_cast<const std::byte*>(from.data());
    pipe.bytes.insert(pipe.bytes.end(), bytes, bytes + n);
    return n;
}

}  // namespace

memory_operation::memory_operation(memory_stream& stream, bool receives, detail::environment& task) noexcept
    : awaited(task), pipe_(receives ? stream.incoming_ : stream.outgoing_), receives_(receives) {}

memory_operation::~memory_operation() {
    if (!waits_)
        return;
    (receives_ ? pipe_->receiver : pipe_->sender) = nullptr;
}

void memory_operation::await_suspend(std::coroutine_handle<> waiter) {
    if (pipe_ && !pipe_->owner.admits(env().scheduler(), [this] { return pipe_->is_in_use(); })) [[unlikely]]
        pipe_->owner.refuse(*this);
    suspend(waiter);
    waits_ = false;
    cancels_before_ = cancels();
    if (is_refused()) {
        error_ = error::operation_aborted;
    } else if (!pipe_) {
        error_ = std::make_error_code(std::errc::bad_file_descriptor);
    } else if (!is_empty()) {
        memory_operation*& place = receives_ ? pipe_->receiver : pipe_->sender;
        if (place) {
            error_ = error::operation_in_progress;
        } else {
            place = this;
            waits_ = true;
            try_to_move();
            return;
        }
    }
    env().scheduler().schedule(*this);
}

// Moves the bytes that can be moved now, and ends the operation. If no bytes can be moved, the operation
// keeps waiting. If bytes were moved, the operation that waits at the other end then tries to move bytes.
void memory_operation::try_to_move() noexcept {
    memory_pipe& pipe = *pipe_;
    if (pipe.is_reset)
        return end(std::make_error_code(std::errc::connection_reset));
    if (!receives_ && pipe.receiver_is_closed)
        return end(std::make_error_code(std::errc::broken_pipe));
    if (!receives_ && pipe.is_ended)
        return end(std::make_error_code(std::errc::broken_pipe));  // this end has shut down sending
    try {
        moved_ = move(pipe);
    } catch (const std::bad_alloc&) {
        return end(std::make_error_code(std::errc::not_enough_memory));
    }
    if (moved_ == 0 && !(receives_ && (pipe.is_ended || pipe.receiver_is_closed)))
        return;
    end({});
    if (memory_operation* other = receives_ ? pipe.sender : pipe.receiver; other && moved_ > 0)
        other->try_to_move();
}

void memory_operation::end(std::error_code error) noexcept {
    if (!waits_)
        return;
    waits_ = false;
    (receives_ ? pipe_->receiver : pipe_->sender) = nullptr;
    error_ = error;
    env().scheduler().schedule(*this);
}

bool memory_operation::was_cancelled() const noexcept { return cancels() != cancels_before_; }

unsigned memory_operation::cancels() const noexcept {
    if (!pipe_)
        return 0;
    return receives_ ? pipe_->receiver_cancels : pipe_->sender_cancels;
}

std::size_t memory_operation::await_resume() {
    if (error_)
        detail::throw_failure(error_, describe(), true, moved_);
    return moved_;
}

std::string memory_operation::describe() const { return receives_ ? "recv (in memory)" : "send (in memory)"; }

std::size_t memory_recv::move(memory_pipe& pipe) noexcept {
    const std::size_t limit = share_of(pipe, pipe.bytes.size());
    std::size_t moved = take(pipe, buffer_, limit);
    for (const mutable_buffer& each: buffers_) {
        if (moved == limit)
            break;
        moved += take(pipe, each, limit - moved);
    }
    return moved;
}

std::size_t memory_send::move(memory_pipe& pipe) {
    const std::size_t used = std::min(pipe.bytes.size(), pipe.options.capacity);
    const std::size_t limit = share_of(pipe, pipe.options.capacity - used);
    std::size_t moved = 0;
    try {
        moved = put(pipe, buffer_, limit);
        for (const const_buffer& each: buffers_) {
            if (moved == limit)
                break;
            moved += put(pipe, each, limit - moved);
        }
    } catch (const std::bad_alloc&) {
        if (moved == 0)
            throw;  // otherwise this is a short send
    }
    return moved;
}

memory_stream& memory_stream::operator=(memory_stream&& other) noexcept {
    if (this != &other) {
        close();
        incoming_ = std::move(other.incoming_);
        outgoing_ = std::move(other.outgoing_);
    }
    return *this;
}

void memory_stream::cancel() noexcept {
    if (!is_open())
        return;
    for (memory_pipe* each: {incoming_.get(), outgoing_.get()})
        each->begin("memory_stream: cancelled, closed or destroyed");
    ++incoming_->receiver_cancels;
    ++outgoing_->sender_cancels;
    if (incoming_->receiver)
        incoming_->receiver->stop();
    if (outgoing_->sender)
        outgoing_->sender->stop();
}

detail::completed memory_stream::close() noexcept {
    if (is_open()) {
        cancel();
        shutdown(socket_base::shutdown_both);
        incoming_.reset();
        outgoing_.reset();
    }
    return detail::completed("close");
}

detail::completed memory_stream::shutdown(socket_base::shutdown_type what) noexcept {
    if (!is_open())
        return detail::completed("shutdown", std::make_error_code(std::errc::bad_file_descriptor));
    for (memory_pipe* each: {incoming_.get(), outgoing_.get()})
        each->begin("memory_stream: shutdown()");
    if (what != socket_base::shutdown_receive) {
        outgoing_->is_ended = true;
        if (outgoing_->sender)
            outgoing_->sender->stop();
        if (outgoing_->receiver)
            outgoing_->receiver->try_to_move();
    }
    if (what != socket_base::shutdown_send) {
        incoming_->receiver_is_closed = true;
        if (incoming_->receiver)
            incoming_->receiver->stop();
        if (incoming_->sender)
            incoming_->sender->try_to_move();
    }
    return detail::completed("shutdown");
}

void memory_stream::reset() noexcept {
    for (const auto& pipe: {incoming_, outgoing_}) {
        if (!pipe)
            continue;
        pipe->begin("memory_stream: reset()");
        pipe->is_reset = true;
        pipe->bytes.clear();
        if (pipe->receiver)
            pipe->receiver->try_to_move();
        if (pipe->sender)
            pipe->sender->try_to_move();
    }
}

stream_pair::stream_pair(const options& chosen) {
    // Allocates both pipes before assigning either, so that a stream has either two pipes or none.
    auto one = std::make_shared<memory_pipe>(chosen);
    auto other = std::make_shared<memory_pipe>(chosen);
    first.incoming_ = second.outgoing_ = std::move(one);
    first.outgoing_ = second.incoming_ = std::move(other);
}

}  // namespace coil::COIL_ABI::test
