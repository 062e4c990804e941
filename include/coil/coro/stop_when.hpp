// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <optional>
#include <utility>

#include <coil/coro/scope.hpp>
#include <coil/coro/stop_token.hpp>

namespace coil::COIL_ABI {

namespace detail {

/// Carries a stop from whatever thread asks for it to the thread of the task: a node for the scheduler's inbox. It may
/// still be in there when the task has gone on, so it is not in the task's frame.
///
///     owner:       make ---------------------> forget: frees it, or if it is on its way, run() will
///     any thread:         ask, once: posts it
class remote_stop final : public node {
public:
    static remote_stop* make(environment& scope);

    /// From any thread, at most once, before forget().
    void ask() noexcept;
    /// The scope is over. Nobody is in ask(), or will be.
    void forget() noexcept;

    std::coroutine_handle<> run() noexcept override;
    void abandon() noexcept override;

private:
    explicit remote_stop(environment& scope) noexcept : scope_(&scope) {}
    void free() noexcept;

    environment* scope_;
    bool asked_ = false;  // whoever calls ask() is ordered before forget() by the callback's destructor
};

struct ask_remote_stop {
    remote_stop* stop;
    void operator()() const noexcept { stop->ask(); }
};

}  // namespace detail

/// An operation that is stopped with its task, and with a token as well.
template <description D, class Token>
class [[nodiscard("co_await it")]] stop_when_operation final : public scoped_operation<D> {
public:
    stop_when_operation(D&& what, Token token, environment& task)
        : scoped_operation<D>(std::forward<D>(what), task), token_(std::move(token)) {}
    ~stop_when_operation() { unlink_token(); }

    bool await_ready() {
        this->inherit_stop();
        if (token_.stop_requested())
            this->scope().request_stop();
        return scoped_operation<D>::await_ready();
    }
    void await_suspend(std::coroutine_handle<> waiter) {
        this->begin(waiter);
        if (!this->scope().stop_requested() && token_.stop_possible())
            link_token();
        this->start_inner(waiter);
    }
    auto await_outcome() {
        finish();
        return this->inner().await_outcome();
    }
    decltype(auto) await_resume() {
        finish();
        return this->inner().await_resume();
    }

private:
    using callback = stop_callback_for_t<Token, detail::ask_remote_stop>;

    void link_token() {
        remote_ = detail::remote_stop::make(this->scope());
        callback_.emplace(token_, detail::ask_remote_stop{remote_});
    }
    void unlink_token() noexcept {
        callback_.reset();  // waits for one that is being called
        if (remote_)
            std::exchange(remote_, nullptr)->forget();
    }
    void finish() noexcept {
        unlink_token();
        scoped_operation<D>::finish();
    }

    Token token_;
    detail::remote_stop* remote_ = nullptr;
    std::optional<callback> callback_;
};

template <description D, class Token>
class [[nodiscard("co_await it")]] stop_when_description {
public:
    stop_when_description(D what, Token token) : what_(std::move(what)), token_(std::move(token)) {}

    stop_when_operation<D, Token> operation_in(environment& task) && {
        return {std::move(what_), std::move(token_), task};
    }

private:
    D what_;
    Token token_;
};

/// Has an operation, or a whole task, stopped when a token is: the way from a stop that another thread, or another part
/// of the program, requests.
///
///     coil::inplace_stop_source source;                          // another thread: source.request_stop();
///     co_await coil::stop_when(serve(), source.get_token());
///
/// Completes: as `what` does; what completed before the stop arrived is the result.
/// Errors:    those of `what`: error::operation_aborted where it was stopped.
/// Threads:   the stop may be requested on any; it takes effect on the task's own, on its next turn.
/// Lifetime:  the source of an inplace_stop_token outlives the await.
/// Cost:      a recycled block, and the token's own price of a callback.
template <class D, class Token>
    requires requires(const Token& token) { token.stop_requested(); }
auto stop_when(D what, Token token) {
    static_assert(description<D>, "stop_when takes an awaitable of coil or a task, as an rvalue");
    return stop_when_description<D, Token>(std::move(what), std::move(token));
}

}  // namespace coil::COIL_ABI
