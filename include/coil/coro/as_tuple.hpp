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

/// An operation whose failure is returned, not thrown.
template <description D>
class [[nodiscard("co_await it")]] as_tuple_operation {
public:
    as_tuple_operation(D&& what, environment& task) : inner_(std::forward<D>(what).operation_in(task)) {}
    as_tuple_operation(const as_tuple_operation&) = delete;

    bool await_ready() { return inner_.await_ready(); }
    void await_suspend(std::coroutine_handle<> waiter) { inner_.await_suspend(waiter); }
    auto await_outcome() {
        auto outcome = inner_.await_outcome();
        // A deadline that passes is an ordinary event: no allocation for a text that is rarely read.
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
class [[nodiscard("co_await it")]] as_tuple_description {
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

/// Has the error returned beside the value, instead of thrown. Nothing is thrown inside, either.
///
///     auto [ec, n] = co_await coil::as_tuple(socket.recv(buffer));
///
/// A task's `std::system_error` is returned as its code; other exceptions leave the await. The outcome also has
/// the exception: its value() throws that, with its text. Results that own something are better
/// bound to a name first (`auto r = co_await ...; auto& [ec, peer] = r;`), for some compilers' sake.
template <class D>
    requires description<D>
as_tuple_description<D> as_tuple(D what) {
    return as_tuple_description<D>(std::move(what));
}

/// An operation whose failure goes to an error code of the caller.
template <description D>
class [[nodiscard("co_await it")]] redirect_error_operation {
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
class [[nodiscard("co_await it")]] redirect_error_description {
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

/// Has the error stored in `target` (cleared on success), and yields the value alone.
///
///     std::size_t n = co_await coil::redirect_error(socket.recv(buffer), ec);
template <class D>
    requires description<D>
redirect_error_description<D> redirect_error(D what, std::error_code& target) {
    return {std::move(what), target};
}

template <class D>
inline constexpr bool is_as_tuple = false;
template <class D>
inline constexpr bool is_as_tuple<as_tuple_description<D>> = true;

/// Whether awaiting a description returns its failure, by one of these two, instead of throwing it.
template <class D>
inline constexpr bool returns_its_error = is_as_tuple<D>;
template <class D>
inline constexpr bool returns_its_error<redirect_error_description<D>> = true;

}  // namespace coil::COIL_ABI
