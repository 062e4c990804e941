// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <string>
#include <system_error>
#include <utility>

#include <coil/base/outcome.hpp>
#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI {

namespace detail {

/// Runs another operation and returns the error of that operation instead of throwing the error.
template <description D>
class [[nodiscard("co_await it")]] as_tuple_operation {
public:
    as_tuple_operation(D&& what, environment& task) : inner_(std::forward<D>(what).operation_in(task)) {}
    as_tuple_operation(const as_tuple_operation&) = delete;

    bool await_ready() { return inner_.await_ready(); }
    void await_suspend(std::coroutine_handle<> waiter) { inner_.await_suspend(waiter); }
    auto await_outcome() {
        auto outcome = inner_.await_outcome();
        // A timeout is an ordinary event, so do not allocate an error text for it.
        if (outcome.error() != error::timed_out)
            detail::name_failure(outcome, inner_);
        return outcome;
    }
    auto await_resume() { return await_outcome(); }
    [[nodiscard]] std::string describe() const { return inner_.describe(); }

private:
    operation_of<D> inner_;
};

template <description D>
class [[nodiscard("co_await it")]] as_tuple_description
    : public co_await_is_missing<outcome_of<D>, as_tuple_description<D>> {
public:
    explicit as_tuple_description(D what) : what_(std::move(what)) {}

    as_tuple_operation<D> operation_in(environment& task) && { return {std::move(what_), task}; }
    environment& foreign_environment() const
        requires context_bound<D>
    {
        return what_.foreign_environment();
    }

private:
    D what_;
};

}  // namespace detail

/// Awaits `what` and returns its error together with its value, instead of throwing the error. Operations of
/// coil do not throw the error internally either.
///
///     auto [ec, n] = co_await coil::as_tuple(socket.recv(buffer));
///
/// If `what` is a task that throws a `std::system_error`, the error is the code of that exception; other
/// exceptions propagate. The outcome keeps the exception, so that value() can throw it again with its text.
/// If the value owns a resource, first bind the outcome to a name
/// (`auto r = co_await ...; auto& [ec, peer] = r;`), because some compilers do not destroy a temporary
/// outcome correctly in a structured binding.
template <class D>
    requires detail::description<D>
detail::as_tuple_description<D> as_tuple(D what) {
    return detail::as_tuple_description<D>(std::move(what));
}

namespace detail {

/// Runs another operation and stores the error of that operation in the caller's error code.
template <description D>
class [[nodiscard("co_await it")]] redirect_error_operation {
    static_assert(
        std::is_void_v<result_of<D>> || std::default_initializable<result_of<D>>,
        "redirect_error needs a default constructible result, which it returns beside an error; use as_tuple");

public:
    redirect_error_operation(D&& what, std::error_code& target, environment& task)
        : inner_(std::forward<D>(what).operation_in(task)), target_(&target) {}
    redirect_error_operation(const redirect_error_operation&) = delete;

    bool await_ready() { return inner_.await_ready(); }
    void await_suspend(std::coroutine_handle<> waiter) { inner_.await_suspend(waiter); }
    auto await_outcome() {
        auto outcome = inner_.await_outcome();
        *target_ = outcome.error();
        return outcome;
    }
    result_of<D> await_resume() {
        auto outcome = await_outcome();
        if constexpr (!std::is_void_v<result_of<D>>)
            return *std::move(outcome);
    }
    [[nodiscard]] std::string describe() const { return inner_.describe(); }

private:
    operation_of<D> inner_;
    std::error_code* target_;
};

template <description D>
class [[nodiscard("co_await it")]] redirect_error_description
    : public co_await_is_missing<result_of<D>, redirect_error_description<D>> {
public:
    redirect_error_description(D what, std::error_code& target) : what_(std::move(what)), target_(&target) {}

    redirect_error_operation<D> operation_in(environment& task) && {
        return {std::move(what_), *target_, task};
    }
    environment& foreign_environment() const
        requires context_bound<D>
    {
        return what_.foreign_environment();
    }

private:
    D what_;
    std::error_code* target_;
};

}  // namespace detail

/// Awaits `what` and returns only its value. Stores its error in `target`, or clears `target` on success.
///
///     std::size_t n = co_await coil::redirect_error(socket.recv(buffer), ec);
template <class D>
    requires detail::description<D>
detail::redirect_error_description<D> redirect_error(D what, std::error_code& target) {
    return {std::move(what), target};
}

namespace detail {

template <class D>
inline constexpr bool is_as_tuple = false;

template <class D>
inline constexpr bool is_as_tuple<as_tuple_description<D>> = true;

/// True if D was made by as_tuple or redirect_error, so that awaiting it does not throw the error.
template <class D>
inline constexpr bool returns_its_error = is_as_tuple<D>;

template <class D>
inline constexpr bool returns_its_error<redirect_error_description<D>> = true;

}  // namespace detail

}  // namespace coil::COIL_ABI

template <class D>
struct std::tuple_size<coil::detail::as_tuple_description<D>>
    : coil::detail::bound_without_co_await<coil::detail::as_tuple_description<D>> {};
