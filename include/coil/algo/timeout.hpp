// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <coroutine>
#include <string>
#include <type_traits>
#include <utility>

#include <coil/base/outcome.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/environment.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/loop/timers.hpp>

namespace coil {

namespace detail {

template <class D>
inline constexpr bool returns_its_error = false;
template <class D>
inline constexpr bool returns_its_error<as_tuple_description<D>> = true;
template <class D>
inline constexpr bool returns_its_error<redirect_error_description<D>> = true;

}  // namespace detail

/// An operation with a deadline. What it awaits runs in a scope of its own, which is stopped when the deadline passes.
template <description D>
class [[nodiscard]] timeout_operation final : public awaited {
public:
    timeout_operation(D&& what, time_point deadline, environment& task)
        : awaited(task),
          scope_(task.scheduler()),
          deadline_(deadline),
          alarm_(*this),
          inner_(std::forward<D>(what).operation_in(scope_)) {}
    timeout_operation(const timeout_operation&) = delete;
    timeout_operation& operator=(const timeout_operation&) = delete;

    bool await_ready() { return inner_.await_ready(); }

    void await_suspend(std::coroutine_handle<> waiter) {
        io_context::of(env()).check_thread(*this);  // in the scope inside, who waits is no longer to be told
        suspend(waiter);
        scope_.at(env().where());
        if (env().stop_requested())
            scope_.request_stop();
        if (deadline_ != time_point::max())
            io_context::of(env()).arm(alarm_, deadline_);
        inner_.await_suspend(waiter);
    }

    auto await_outcome() {
        finish();
        auto outcome = inner_.await_outcome();
        if (fired_ && outcome.error() == error::operation_aborted)
            outcome = {make_error_code(error::timed_out), outcome.bytes_transferred()};
        return outcome;
    }

    decltype(auto) await_resume() {
        finish();
        if (!fired_)
            return inner_.await_resume();
        auto outcome = await_outcome();
        if (!outcome)
            throw_failure(outcome.error(), describe(), std::is_same_v<result_of<D>, std::size_t>,
                          outcome.bytes_transferred());
        using result = decltype(inner_.await_resume());
        if constexpr (std::is_lvalue_reference_v<result>)
            return static_cast<result>(**outcome);  // an outcome holds a pointer in its stead
        else if constexpr (!std::is_void_v<result>)
            return static_cast<result>(*std::move(outcome));
    }

    void stop() noexcept override { scope_.request_stop(); }
    std::string describe() const override { return inner_.describe(); }

private:
    class alarm final : public timer_entry {
    public:
        explicit alarm(timeout_operation& owner) noexcept : owner_(owner) {}
        std::coroutine_handle<> run() noexcept override {
            owner_.fired_ = !owner_.scope_.stop_requested();
            owner_.scope_.request_stop();
            return nullptr;
        }

    private:
        timeout_operation& owner_;
    };

    void finish() noexcept {
        alarm_.disarm();
        if (is_suspended())
            wake();
    }

    environment scope_;
    time_point deadline_;
    alarm alarm_;
    bool fired_ = false;
    operation_of<D> inner_;
};

template <description D>
class [[nodiscard]] timeout_at_description {
public:
    timeout_at_description(D what, time_point deadline) : what_(std::move(what)), deadline_(deadline) {}

    timeout_operation<D> operation_in(environment& task) && { return {std::move(what_), deadline_, task}; }
    environment& foreign_environment() const
        requires context_bound<D>
    {
        return what_.foreign_environment();
    }

private:
    D what_;
    time_point deadline_;
};

template <description D>
class [[nodiscard]] timeout_description {
public:
    timeout_description(D what, steady_clock::duration duration)
        : what_(std::move(what)), duration_(duration) {}

    timeout_operation<D> operation_in(environment& task) && {
        return {std::move(what_), deadline_after(io_context::of(task).now(), duration_), task};
    }
    environment& foreign_environment() const
        requires context_bound<D>
    {
        return what_.foreign_environment();
    }

private:
    D what_;
    steady_clock::duration duration_;
};

namespace detail {

template <class D>
consteval void check_timeout() {
    static_assert(description<D>,
                  "timeout takes what can be stopped: an awaitable of coil or a task, as an rvalue");
    static_assert(!returns_its_error<D>,
                  "the deadline would be swallowed: write as_tuple(timeout(x, 5s)), with the "
                  "adapter outside");
}

}  // namespace detail

/// Gives an operation, or a whole task, so much time from the await on.
///
///     std::size_t n = co_await coil::timeout(socket.recv(buffer), 5s);
///
/// Completes: as `what` does. Nothing is lost: what completed before the deadline, or while it was being cancelled, is the
///            result.
/// Errors:    error::timed_out if the deadline ended it (with the bytes moved until then), else those of `what`.
///            Nested, the deadline that fired reports.
/// Cost:      a timer in user space: no SQE, no system call, no allocation.
template <class D, class Rep, class Period>
auto timeout(D what, std::chrono::duration<Rep, Period> duration) {
    detail::check_timeout<D>();
    return timeout_description<D>(std::move(what), deadline_after(time_point(), duration) - time_point());
}

/// The same, until a point in time.
template <class D>
auto timeout_at(D what, time_point deadline) {
    detail::check_timeout<D>();
    return timeout_at_description<D>(std::move(what), deadline);
}

}  // namespace coil
