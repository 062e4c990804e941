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

/// A node that carries a stop request from any thread through the scheduler's inbox to the task's thread. The
/// node may still be in the inbox after the task has continued, so it is not stored in the task's frame.
///
///     owner:       make ---------------------> release (frees the node; if it is queued, run() frees it)
///     any thread:         request (posts it; called at most once)
class remote_stop final : public node {
public:
    static remote_stop* make(environment& scope);

    /// Posts the stop request. Thread-safe. Call it at most once, and before release().
    void request() noexcept;
    /// Frees the node. If the node is still in the inbox, run() or abandon() frees it later. Call this when
    /// the scope has ended and no thread can be in request() or call request() any more.
    void release() noexcept;

    std::coroutine_handle<> run() noexcept override;
    void abandon() noexcept override;

private:
    explicit remote_stop(environment& scope) noexcept : scope_(&scope) {}
    void free() noexcept;

    environment* scope_;
    bool posted_ = false;  // set by request(); the callback's destructor orders the write before release()
};

struct pass_source_get_token {};  // the compiler prints this name in its error

template <class T>
concept stop_source = requires(const T& source) { source.get_token(); };

struct request_remote_stop {
    remote_stop* stop;
    void operator()() const noexcept { stop->request(); }
};

/// Runs an inner operation that can be stopped by the enclosing task or by a token.
template <description D, class Token>
class [[nodiscard("co_await it")]] stop_when_operation final : public scoped_operation<D> {
public:
    stop_when_operation(D&& what, Token token, environment& task)
        : scoped_operation<D>(std::forward<D>(what), task), token_(std::move(token)) {}
    ~stop_when_operation() override { unlink_token(); }

    bool await_ready() {
        this->inherit_stop();
        if (token_.stop_requested())
            this->scope().request_stop();
        return scoped_operation<D>::await_ready();
    }
    void await_suspend(std::coroutine_handle<> waiter) {
        this->inherit_stop();  // a stop may have been requested since await_ready()
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
    using callback = stop_callback_for_t<Token, detail::request_remote_stop>;

    void link_token() {
        remote_ = detail::remote_stop::make(this->scope());
        callback_.emplace(token_, detail::request_remote_stop{remote_});
    }
    void unlink_token() noexcept {
        callback_.reset();  // waits until a running callback has returned
        if (remote_)
            std::exchange(remote_, nullptr)->release();
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
class [[nodiscard("co_await it")]] stop_when_description
    : public co_await_is_missing<await_result<operation_of<D>>, stop_when_description<D, Token>> {
public:
    stop_when_description(D what, Token token) : what_(std::move(what)), token_(std::move(token)) {}

    stop_when_operation<D, Token> operation_in(environment& task) && {
        return {std::move(what_), std::move(token_), task};
    }

private:
    D what_;
    Token token_;
};

}  // namespace detail

/// Stops an operation or a whole task when a token is stopped by another thread or by another component of
/// the program.
///
///     coil::inplace_stop_source source;                          // another thread: source.request_stop();
///     co_await coil::stop_when(serve(), source.get_token());
///
/// Completes: when `what` completes. If `what` completes before the stop takes effect, its result is kept.
/// Errors:    those of `what`; error::operation_aborted if `what` was stopped.
/// Threads:   the stop may be requested on any thread. It takes effect on the task's thread, in the next
///            iteration of the loop.
/// Lifetime:  the source of an inplace_stop_token must outlive the await.
/// Cost:      one block from a recycling allocator, and the cost of registering a callback with the token.
template <class D, class Token>
    requires(!detail::stop_source<Token>)
auto stop_when(D what, Token token) {
    static_assert(detail::description<D>,
                  "stop_when takes an awaitable of coil or a task, as an rvalue, and then a stop token: "
                  "stop_when(x, source.get_token())");
    static_assert(requires { token.stop_requested(); }, "the second argument must be a stop token");
    return detail::stop_when_description<D, Token>(std::move(what), std::move(token));
}
template <class D, detail::stop_source Source>
void stop_when(D&&, const Source&, detail::pass_source_get_token = {}) = delete;

}  // namespace coil::COIL_ABI
