// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <coil/algo/step.hpp>
#include <coil/algo/stream.hpp>
#include <coil/algo/whole.hpp>
#include <coil/base/outcome.hpp>
#include <coil/op/description.hpp>

namespace coil::COIL_ABI {

class any_stream;

namespace detail {

class any_operation;

/// The stream that an `any_stream` contains, together with space for one receive and one send operation.
class any_stream_base {
public:
    any_stream_base() noexcept = default;
    any_stream_base(const any_stream_base&) = delete;
    any_stream_base& operator=(const any_stream_base&) = delete;
    /// Ends pending operations with operation_aborted.
    virtual ~any_stream_base();

    /// Creates a receive or send operation on the contained stream. Returns false if an earlier operation of
    /// the same kind has not been destroyed yet.
    [[nodiscard]] virtual bool make_recv(mutable_buffers buffers, any_operation& owner) = 0;
    [[nodiscard]] virtual bool make_send(const_buffers buffers, any_operation& owner) = 0;
    [[nodiscard]] virtual bool is_ready(bool receives) = 0;
    virtual void start(bool receives, std::coroutine_handle<> waiter) = 0;
    [[nodiscard]] virtual outcome<std::size_t> take_outcome(bool receives) noexcept = 0;
    [[nodiscard]] virtual bool was_cancelled(bool receives) const noexcept = 0;
    [[nodiscard]] virtual std::string describe(bool receives) const = 0;
    virtual void drop(bool receives) noexcept = 0;
    /// Returns a pointer that identifies the type of the stream.
    [[nodiscard]] virtual const void* type() const noexcept = 0;

protected:
    any_operation* receiver_ = nullptr;  // the receive operation, until it is destroyed
    any_operation* sender_ = nullptr;    // the send operation, until it is destroyed
};

/// The address of this variable identifies the type T, without RTTI.
template <class T>
inline constexpr char type_tag = 0;

/// A receive or send on an `any_stream`. It forwards to an operation on the contained stream.
class any_operation : public awaited {
public:
    bool await_ready();
    void await_suspend(std::coroutine_handle<> waiter);
    outcome<std::size_t> await_outcome() {
        rethrow_bug(outcome_.exception());
        return {outcome_};
    }
    std::size_t await_resume();

    void stop() noexcept override {}  // no-op: a stop reaches the contained stream's operation directly
    [[nodiscard]] bool was_cancelled() const noexcept { return was_cancelled_; }
    [[nodiscard]] std::string describe() const override;

    // Called when the contained stream's operation has ended. Returns the coroutine to resume.
    std::coroutine_handle<> advance(std::coroutine_handle<> waiter) noexcept;
    /// Called when the stream is destroyed before this operation.
    void lose_stream() noexcept;

protected:
    any_operation(any_stream_base& stream, bool receives, environment& task) noexcept
        : awaited(task), stream_(&stream), receives_(receives) {}
    ~any_operation() override;

    /// Creates the contained stream's operation. Returns false if an earlier one has not been destroyed yet.
    [[nodiscard]] virtual bool make() = 0;

private:
    [[nodiscard]] bool begin();
    void collect() noexcept;

    any_stream_base* stream_;
    outcome<std::size_t> outcome_{std::size_t{0}};
    bool receives_;
    bool is_made_ = false;
    bool was_cancelled_ = false;
};

struct any_recv_request {
    any_stream_base* stream;
    mutable_buffers buffers;
    mutable_buffer one;
};
struct any_send_request {
    any_stream_base* stream;
    const_buffers buffers;
    const_buffer one;
};

class [[nodiscard("co_await it")]] any_recv : public any_operation {
public:
    any_recv(const any_recv_request& what, environment& task) noexcept
        : any_operation(*what.stream, true, task), what_(what) {}

protected:
    bool make() override {
        return what_.stream->make_recv(what_.one.empty() ? what_.buffers : mutable_buffers(&what_.one, 1),
                                       *this);
    }

private:
    any_recv_request what_;
};

class [[nodiscard("co_await it")]] any_send : public any_operation {
public:
    any_send(const any_send_request& what, environment& task) noexcept
        : any_operation(*what.stream, false, task), what_(what) {}

protected:
    bool make() override {
        return what_.stream->make_send(what_.one.empty() ? what_.buffers : const_buffers(&what_.one, 1),
                                       *this);
    }

private:
    any_send_request what_;
};

using any_recv_description = op::description_of<any_recv, any_recv_request>;
using any_send_description = op::description_of<any_send, any_send_request>;

template <class Stream>
class any_stream_holder final : public any_stream_base {
    template <class Direction, class Buffers>
    using step =
        step_for<decltype(Direction::step(std::declval<Stream&>(), std::declval<Buffers>())), any_operation>;
    using recv_step = step<reading, mutable_buffers>;
    using send_step = step<writing, const_buffers>;

public:
    explicit any_stream_holder(Stream&& given) : stream(std::move(given)) {}

    bool make_recv(mutable_buffers buffers, any_operation& owner) override {
        if (recv_)
            return false;
        recv_.emplace(reading::step(stream, buffers), owner.env(), owner);
        receiver_ = &owner;
        return true;
    }
    bool make_send(const_buffers buffers, any_operation& owner) override {
        if (send_)
            return false;
        send_.emplace(writing::step(stream, buffers), owner.env(), owner);
        sender_ = &owner;
        return true;
    }
    bool is_ready(bool receives) override { return receives ? recv_->await_ready() : send_->await_ready(); }
    void start(bool receives, std::coroutine_handle<> waiter) override {
        receives ? recv_->await_suspend(waiter) : send_->await_suspend(waiter);
    }
    outcome<std::size_t> take_outcome(bool receives) noexcept override {
        return receives ? recv_->await_outcome() : send_->await_outcome();
    }
    bool was_cancelled(bool receives) const noexcept override {
        return receives ? is_cancelled(*recv_) : is_cancelled(*send_);
    }
    std::string describe(bool receives) const override {
        return receives ? recv_->describe() : send_->describe();
    }
    void drop(bool receives) noexcept override {
        (receives ? receiver_ : sender_) = nullptr;
        receives ? recv_.reset() : send_.reset();
    }

    const void* type() const noexcept override { return &type_tag<Stream>; }

    Stream stream;

private:
    std::optional<recv_step> recv_;
    std::optional<send_step> send_;
};

}  // namespace detail

/// Holds a stream of any type. Use an any_stream in functions that should not be templates, such as a handler
/// that serves TCP, UNIX domain and encrypted connections.
///
///     coil::task<> serve(coil::any_stream peer);
///     coil::co_spawn(context, serve(coil::any_stream(co_await acceptor.accept())), coil::detached);
///
/// Lifetime: owns the stream. Move the any_stream only while no operation is pending.
/// Cost:     one allocation per any_stream. Each operation makes a few virtual calls in addition to the
///           stream's own operation, and does not allocate.
class any_stream {
public:
    template <stream Stream>
        requires(!std::is_reference_v<Stream> && !std::is_same_v<Stream, any_stream>)
    explicit any_stream(Stream&& inner)
        : holder_(std::make_unique<detail::any_stream_holder<Stream>>(std::forward<Stream>(inner))) {}

    /// recv() and send() work like the functions of the contained stream. A receive fails with
    /// operation_in_progress while an earlier receive operation exists, and a send fails with this error
    /// while an earlier send operation exists.
    [[nodiscard("co_await it")]] detail::any_recv_description recv(mutable_buffer buffer) noexcept {
        return {{holder_.get(), {}, buffer}};
    }
    [[nodiscard("co_await it")]] detail::any_recv_description recv(mutable_buffers buffers) noexcept {
        return {{holder_.get(), buffers, {}}};
    }
    [[nodiscard("co_await it")]] detail::any_send_description send(const_buffer buffer) noexcept {
        return {{holder_.get(), {}, buffer}};
    }
    [[nodiscard("co_await it")]] detail::any_send_description send(const_buffers buffers) noexcept {
        return {{holder_.get(), buffers, {}}};
    }

    /// Returns a pointer to the contained stream if the stream's type is `Stream`, otherwise null. Use the
    /// pointer to close the stream or to set its options.
    template <class Stream>
    [[nodiscard]] Stream* target() noexcept {
        if (!holder_ || holder_->type() != &detail::type_tag<Stream>)
            return nullptr;
        return &static_cast<detail::any_stream_holder<Stream>&>(*holder_).stream;
    }

private:
    std::unique_ptr<detail::any_stream_base> holder_;
};

}  // namespace coil::COIL_ABI
