// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <chrono>
#include <coroutine>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include <coil/base/outcome.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/scope.hpp>
#include <coil/coro/shield.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/loop/timers.hpp>

namespace coil::COIL_ABI {

namespace detail {

template <class D>
inline constexpr bool is_shielded = false;
template <class D>
inline constexpr bool is_shielded<shield_description<D>> = true;

/// An operation with a deadline. When the deadline passes, the operation's scope is stopped.
template <description D>
class [[nodiscard("co_await it")]] timeout_operation final : public scoped_operation<D> {
public:
    timeout_operation(D&& what, time_point deadline, environment& task)
        : scoped_operation<D>(std::forward<D>(what), task), deadline_(deadline), alarm_(*this) {}

    bool await_ready() {
        this->inherit_stop();
        return scoped_operation<D>::await_ready();
    }

    void await_suspend(std::coroutine_handle<> waiter) {
        this->inherit_stop();  // a stop may have been requested since await_ready()
        io_context& context = io_context::of(this->env());
        // The inner operation cannot make this check, because check_thread() examines only operations in the
        // environment shared by all coroutines that are not tasks. The inner operation is in a nested scope.
        context.check_thread(*this);
        this->begin(waiter);
        if (deadline_ != time_point::max())
            context.arm(alarm_, deadline_);
        this->start_inner(waiter);
    }

    auto await_outcome() {
        finish();
        auto outcome = this->inner().await_outcome();
        if (fired_ && outcome.error() == error::operation_aborted)
            outcome = {make_error_code(error::timed_out), outcome.bytes_transferred()};
        return outcome;
    }

    decltype(auto) await_resume() {
        finish();
        if (!fired_)
            return this->inner().await_resume();
        auto outcome = await_outcome();
        if (outcome.exception())
            std::rethrow_exception(outcome.exception());  // the deadline did not cause this exception
        if (!outcome)
            throw_failure(outcome.error(), this->describe(), std::is_same_v<result_of<D>, std::size_t>,
                          outcome.bytes_transferred());
        using result = decltype(this->inner().await_resume());
        if constexpr (std::is_lvalue_reference_v<result>)
            return static_cast<result>(**outcome);  // an outcome holds a pointer instead of a reference
        else if constexpr (!std::is_void_v<result>)
            return static_cast<result>(*std::move(outcome));
    }

private:
    class alarm final : public timer_entry {
    public:
        explicit alarm(timeout_operation& owner) noexcept : owner_(owner) {}
        std::coroutine_handle<> run() noexcept override {
            environment& scope = owner_.scope();
            owner_.fired_ = !scope.stop_requested();
            scope.request_stop();
            return nullptr;
        }

    private:
        timeout_operation& owner_;
    };

    void finish() noexcept {
        alarm_.disarm();
        scoped_operation<D>::finish();
    }

    time_point deadline_;
    alarm alarm_;
    bool fired_ = false;
};

template <description D>
class [[nodiscard("co_await it")]] timeout_at_description
    : public co_await_is_missing<await_result<operation_of<D>>, timeout_at_description<D>> {
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
class [[nodiscard("co_await it")]] timeout_description
    : public co_await_is_missing<await_result<operation_of<D>>, timeout_description<D>> {
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

template <class D>
consteval void check_timeout() {
    static_assert(description<D>,
                  "timeout takes an operation that can be stopped: an awaitable of coil, or a task "
                  "as an rvalue");
    static_assert(!returns_its_error<D>,
                  "the deadline would be swallowed: write as_tuple(timeout(x, 5s)), with the "
                  "adapter outside");
    static_assert(!is_shielded<D>,
                  "the deadline would not reach the shielded operation: write shield(timeout(x, 5s))");
}

}  // namespace detail

/// Limits the duration of an operation or of a whole task. The time is counted from the start of the await.
///
///     std::size_t n = co_await coil::timeout(socket.recv(buffer), 5s);
///
/// Completes: when `what` completes, with the result of `what`. No data is lost: if `what` succeeds although
///            it is being cancelled, timeout() returns the result.
/// Errors:    error::timed_out if the deadline ended the operation, with the number of bytes transferred so
///            far; otherwise the errors of `what`. If timeouts are nested, the timeout whose deadline passed
///            first reports timed_out.
/// Cost:      a timer in user space; no SQE, no system call, no allocation.
template <class D, class Rep, class Period>
auto timeout(D what, std::chrono::duration<Rep, Period> duration) {
    detail::check_timeout<D>();
    return detail::timeout_description<D>(std::move(what),
                                          detail::deadline_after(time_point(), duration) - time_point());
}
template <class D, detail::number Number>
void timeout(D&&, Number, detail::write_5s_or_std_chrono_seconds_5 = {}) = delete;

/// Like timeout(), but with an absolute deadline.
template <class D>
auto timeout_at(D what, time_point deadline) {
    detail::check_timeout<D>();
    return detail::timeout_at_description<D>(std::move(what), deadline);
}

}  // namespace coil::COIL_ABI
