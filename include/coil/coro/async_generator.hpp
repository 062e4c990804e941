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

/// A coroutine that yields any number of T values and may use `co_await` between them. It runs only while a
/// task awaits the next value. For a single value, use a `task`. To pass values between tasks that run
/// concurrently, use a `channel`.
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
/// T:        must be movable, but need not be copyable or default constructible. If T is an aggregate that
///           owns a resource, do not write `co_yield message{...}` on g++ 12, because the aggregate would be
///           destroyed twice (docs/compilers.md). Move a named aggregate instead.
/// Awaits:   the body awaits in the scope of the task that awaits next(). A stop or a timeout of that task
///           therefore also ends the operation that the body awaits.
/// Lifetime: parameters are copied or moved into the frame, but references stay references. Destroying a
///           generator before its body has ended destroys the body's locals. A generator can be moved, except
///           while a task is awaiting its next().
/// Cost:     one frame from a recycling allocator, regardless of the number of values. A value goes through
///           the ready list only when the budget of inline completions (`scheduler::inline_max`) is used up.
template <class T>
class [[nodiscard("co_await its next()")]] async_generator {
public:
    static_assert(std::is_object_v<T> && std::is_move_constructible_v<T>,
                  "an async_generator yields movable values: to yield references, yield pointers");

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

    /// Returns true if the generator owns a coroutine. A generator that has been moved from, or whose pending
    /// next() operation has been destroyed, does not own one.
    [[nodiscard]] explicit operator bool() const& noexcept { return frame_ != nullptr; }
    template <class = detail::co_await_its_next>
    explicit operator bool() const&& = delete;

    /// Awaits the next value. The result is a std::optional<T>, which is empty after the body has ended.
    ///
    /// Completes: when the body reaches its next `co_yield` or its end.
    /// Errors:    the exception that ended the body, which is thrown only once. In a stopped scope, the error
    ///            is operation_aborted, and the body is not resumed.
    /// Cancel:    cancels the operation that the body is awaiting. That operation throws in the body, which
    ///            usually ends the body. Destroying a pending next() destroys the body.
    /// Overlap:   none; a second next() fails with error::operation_in_progress.
    /// Moves:     the returned description holds a pointer to this generator, so do not move the generator
    ///            before the await has begun.
    next_description next() noexcept;

private:
    using handle = std::coroutine_handle<promise_type>;

    explicit async_generator(handle frame) noexcept : frame_(frame) {}

    handle release() noexcept {
        // A pending next() operation points to this generator, so the generator must stay where it is.
        COIL_PRECONDITION(
            !frame_ || !frame_.promise().is_running(),
            "async_generator: moved, assigned to or destroyed while a task awaits its next value; "
            "let that await end first");
        return std::exchange(frame_, nullptr);
    }
    void destroy() noexcept {
        if (const handle frame = release()) {
            frame.promise().set_destroyed();
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
    void set_destroyed() noexcept { is_destroyed_ = true; }

    /// Resumes the body in the environment of `wait`. When the body yields a value or ends, the waiter is
    /// resumed.
    void run_for(const next_operation& wait, std::coroutine_handle<> waiter) noexcept {
        running_for_ = &wait;
        set_environment(wait.env());
        set_continuation(waiter);
        environment_->scheduler().transfer(own_handle());
    }
    /// Called when the task's budget of inline completions is used up. Reserves the body for `wait`, which
    /// runs the body later, from the ready list.
    void reserve_for(const next_operation& wait) noexcept { running_for_ = &wait; }
    void end_reservation() noexcept { running_for_ = nullptr; }
    [[nodiscard]] bool is_running() noexcept { return running_for_ != nullptr && !own_handle().done(); }
    [[nodiscard]] bool is_running_for(const next_operation& wait) noexcept {
        return running_for_ == &wait && is_running();
    }

    /// Returns true if take() can be called without resuming the body first, because the body has yielded a
    /// value or has ended.
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
        running_for_ = nullptr;
        environment_->scheduler().transfer(continuation_);
    }

    std::optional<T> value_;
    std::exception_ptr exception_;
    const next_operation* running_for_ = nullptr;  // the operation that is waiting for the next value
    bool is_destroyed_ = false;
};

template <class T>
class [[nodiscard("co_await it")]] async_generator<T>::next_operation final : public detail::awaited {
public:
    next_operation(async_generator& of, detail::environment& task) noexcept
        : awaited(task), generator_(&of) {}
    next_operation(const next_operation&) = delete;
    next_operation& operator=(const next_operation&) = delete;
    ~next_operation() override {
        // The body may be suspended in an operation that uses the environment of this next_operation. In that
        // case, destroy the body, because it must not outlive this next_operation.
        if (generator_->frame_ && generator_->frame_.promise().is_running_for(*this)) {
            generator_->frame_.promise().set_destroyed();
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
            detail::throw_failure(error_, describe());
        return generator_->frame_ ? generator_->frame_.promise().take() : std::nullopt;
    }

    void stop() noexcept override {}  // the environment stops the operation that the body awaits
    std::string describe() const override { return "next of a generator"; }

private:
    [[nodiscard]] bool has_next() const noexcept {
        return !generator_->frame_ || generator_->frame_.promise().has_next();
    }

    async_generator* generator_;
    error::code error_{};
};

template <class T>
class [[nodiscard("co_await it")]] async_generator<T>::next_description
    : public detail::co_await_is_missing<detail::await_result<next_operation>, next_description> {
public:
    explicit next_description(async_generator& of) noexcept : generator_(&of) {}
    next_operation operation_in(detail::environment& task) const noexcept { return {*generator_, task}; }

private:
    async_generator* generator_;
};

template <class T>
auto async_generator<T>::next() noexcept -> next_description {
    return next_description(*this);
}

}  // namespace coil::COIL_ABI
