// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <coil/base/assert.hpp>
#include <coil/base/outcome.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/task.hpp>

namespace coil::COIL_ABI {

namespace detail {
struct co_await_its_next {};  // the compiler prints this name in its error
}  // namespace detail

/// A coroutine that yields a T again and again, and may await in between. It runs only while somebody awaits the next
/// value. For one value use a `task`; to pass values between tasks that both run, a `channel`.
///
///     coil::async_generator<std::string> lines(tcp::socket peer) {
///         ...
///         while (std::size_t n = co_await peer.recv(buffer))
///             co_yield text(buffer, n);
///     }
///
///     auto incoming = lines(std::move(peer));
///     while (auto line = co_await incoming.next())
///         log(*line);
///
/// T:        moves; needs neither copies nor a default constructor. On g++ 12 an aggregate that owns something is named
///           first, and moved: `co_yield message{...}` would destroy it twice (docs/compilers.md).
/// Awaits:   in the scope of whoever awaits next(): his stop and his timeout end what the body awaits.
/// Lifetime: as a task's: parameters live in the frame, references stay references. Destroyed half way, it destroys its
///           locals. It moves, except while its next() is awaited.
/// Cost:     one frame from a recycling allocator for all values; a value costs no trip through the ready
///           list, but for one in `scheduler::inline_max` that come without a wait.
template <class T>
class [[nodiscard("co_await its next()")]] async_generator {
public:
    static_assert(std::is_object_v<T> && std::is_move_constructible_v<T>,
                  "an async_generator yields values: to lend what it refers to, let it yield pointers");

    class promise_type;
    class next_operation;
    class next_description;

    async_generator(async_generator&& other) noexcept : frame_(other.release()) {}
    async_generator& operator=(async_generator&& other) noexcept {
        if (this != &other) {
            destroy();
            frame_ = other.release();
        }
        return *this;
    }
    ~async_generator() { destroy(); }

    /// Whether there is a coroutine in it: false once it was moved from, or a wait for its next value was destroyed.
    [[nodiscard]] explicit operator bool() const& noexcept { return frame_ != nullptr; }
    template <class = detail::co_await_its_next>
    explicit operator bool() const&& = delete;

    /// The next value: a std::optional<T>, empty once the body has ended, and ever after.
    ///
    /// Completes: when the body has reached its next `co_yield`, or its end.
    /// Errors:    those of the body, once; with them it has ended. operation_aborted in a stopped scope: the body was not
    ///            resumed. A cancel meets what the body awaits, which throws there: so it usually ends the body.
    ///            Destroyed while it waits, it destroys the body, where that stands.
    /// Overlap:   none: error::operation_in_progress.
    /// Moves:     what it gives points to this generator until its await begins: await it before the generator is moved.
    next_description next() noexcept;

private:
    using handle = std::coroutine_handle<promise_type>;

    explicit async_generator(handle frame) noexcept : frame_(frame) {}

    handle release() noexcept {
        // While its next value is awaited it stays where it is.
        COIL_PRECONDITION(
            !frame_ || !frame_.promise().is_running(),
            "async_generator: moved, assigned to or destroyed while a task awaits its next value; "
            "let that await end first");
        return std::exchange(frame_, nullptr);
    }
    void destroy() noexcept {
        if (const handle frame = release()) {
            frame.promise().is_being_destroyed();
            frame.destroy();
        }
    }

    handle frame_;
};

// Implementation

template <class T>
class async_generator<T>::promise_type : public detail::promise_base {
public:
    async_generator get_return_object() noexcept { return async_generator(own_handle()); }

    struct yield_awaiter {
        bool await_ready() const noexcept { return false; }
        void await_suspend(handle yielding) const noexcept { yielding.promise().pause(); }
        void await_resume() const noexcept {}
    };
    template <std::convertible_to<T> U = T>
    yield_awaiter yield_value(U&& value) {
        value_.emplace(std::forward<U>(value));
        return {};
    }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept {
        if (is_destroyed_)
            detail::destructor_threw();
        exception_ = std::current_exception();
    }
    void is_being_destroyed() noexcept { is_destroyed_ = true; }

    /// Goes on, on behalf of this wait: in its environment, until the next value or the end; then its waiter does.
    void run_for(const next_operation& asking, std::coroutine_handle<> waiter) noexcept {
        asking_ = &asking;
        set_environment(asking.env());
        set_continuation(waiter);
        environment_->scheduler().transfer(own_handle());
    }
    /// Runs for this wait later, through the ready list: the budget of inline completions is spent.
    void reserve_for(const next_operation& asking) noexcept { asking_ = &asking; }
    void end_reservation() noexcept { asking_ = nullptr; }
    [[nodiscard]] bool is_running() noexcept { return asking_ != nullptr && !own_handle().done(); }
    [[nodiscard]] bool is_running_for(const next_operation& asking) noexcept {
        return asking_ == &asking && is_running();
    }

    /// Whether there is something to take without running: what nobody took before, or the end.
    [[nodiscard]] bool has_next() noexcept { return value_ || own_handle().done(); }
    std::optional<T> take() {
        if (exception_) [[unlikely]]
            std::rethrow_exception(std::exchange(exception_, nullptr));
        std::optional<T> taken = std::move(value_);
        value_.reset();
        return taken;
    }

private:
    [[nodiscard]] handle own_handle() noexcept { return handle::from_promise(*this); }

    void pause() noexcept {
        asking_ = nullptr;
        environment_->scheduler().transfer(continuation_);
    }

    std::optional<T> value_;
    std::exception_ptr exception_;
    const next_operation* asking_ = nullptr;  // for whom it runs
    bool is_destroyed_ = false;
};

template <class T>
class [[nodiscard("co_await it")]] async_generator<T>::next_operation final : public awaited {
public:
    next_operation(async_generator& of, environment& task) noexcept : awaited(task), generator_(&of) {}
    next_operation(const next_operation&) = delete;
    next_operation& operator=(const next_operation&) = delete;
    ~next_operation() {
        // The body stands in an await of our environment, which it must not outlive.
        if (generator_->frame_ && generator_->frame_.promise().is_running_for(*this)) {
            generator_->frame_.promise().is_being_destroyed();
            std::exchange(generator_->frame_, nullptr).destroy();
        }
    }

    bool await_ready() const noexcept {
        return !env().stop_requested() && has_next() && env().scheduler().may_complete_inline();
    }
    void await_suspend(std::coroutine_handle<> waiter) noexcept {
        if (is_refused())
            error_ = error::operation_aborted;
        else if (generator_->frame_ && generator_->frame_.promise().is_running())
            error_ = error::operation_in_progress;
        else if (!has_next()) {
            if (env().scheduler().may_complete_inline())
                return generator_->frame_.promise().run_for(*this, waiter);
            generator_->frame_.promise().reserve_for(*this);
        }
        suspend(waiter);
        env().scheduler().schedule(*this);
    }
    std::coroutine_handle<> run() noexcept override {
        const std::coroutine_handle<> waiter = wake();
        if (!generator_->frame_ || !generator_->frame_.promise().is_running_for(*this))
            return waiter;
        if (env().stop_requested()) {
            generator_->frame_.promise().end_reservation();
            error_ = error::operation_aborted;
            return waiter;
        }
        generator_->frame_.promise().run_for(*this, waiter);
        return env().scheduler().take_transfer();
    }
    auto await_outcome() {
        return detail::outcome_from<std::optional<T>>([this] { return await_resume(); });
    }
    std::optional<T> await_resume() {
        if (error_ != error::code())
            throw_failure(error_, describe());
        return generator_->frame_ ? generator_->frame_.promise().take() : std::nullopt;
    }

    void stop() noexcept override {}  // what the body awaits is told
    std::string describe() const override { return "next of a generator"; }

private:
    [[nodiscard]] bool has_next() const noexcept {
        return !generator_->frame_ || generator_->frame_.promise().has_next();
    }

    async_generator* generator_;
    error::code error_{};
};

template <class T>
class [[nodiscard("co_await it")]] async_generator<T>::next_description {
public:
    explicit next_description(async_generator& of) noexcept : generator_(&of) {}
    next_operation operation_in(environment& task) const noexcept { return {*generator_, task}; }

private:
    async_generator* generator_;
};

template <class T>
auto async_generator<T>::next() noexcept -> next_description {
    return next_description(*this);
}

}  // namespace coil::COIL_ABI
