// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <memory>
#include <string>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include <coil/base/outcome.hpp>
#include <coil/coro/call.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/result_slot.hpp>
#include <coil/coro/safe_closure.hpp>
#include <coil/coro/stop_token.hpp>
#include <coil/coro/task.hpp>
#include <coil/sync/thread_pool.hpp>

namespace coil::COIL_ABI {

namespace detail {

class offload_call_block;

/// The base class of offload_operation, with everything that does not depend on the function's type. The
/// operation queues an offload_call_block in the pool. The function moves through these states:
///
///     new --await--> queued --a thread takes it--> running --returns--> over
///                    queued --operation stopped or destroyed, or pool destroyed--> over, without running
class offload_operation_base : public awaited {
public:
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept;
    void stop() noexcept override;
    std::string describe() const override { return "offload"; }

protected:
    // A function of this type is called through a pointer, not virtually, because a pool thread may call it
    // after the operation's destructor has begun.
    using entry = void(offload_operation_base& self) noexcept;

    offload_operation_base(thread_pool& pool, entry* call, environment& task);
    ~offload_operation_base() override;

    /// Withdraws the function if it has not begun. Otherwise, blocks the thread until the function has
    /// returned. Call this first in the destructor of the most derived class, because the running function
    /// uses the members of that class.
    void retire() noexcept;
    /// Ends the wait. If finish() returns an error, the offloaded function has not run. Call this first in
    /// await_resume and await_outcome.
    [[nodiscard]] std::error_code finish() noexcept;

    virtual void request_token_stop() noexcept = 0;

private:
    friend class offload_call_block;

    bool take_back() noexcept;
    void give_up(std::error_code why) noexcept;

    std::shared_ptr<worker_threads> threads_;
    offload_call_block* block_;
    entry* call_;
    std::error_code error_;
    bool given_ = false;  // the pool holds a reference to the block and will complete the block
};

template <class F, class... Args>
inline constexpr bool takes_stop_token =
    !std::is_member_pointer_v<F> && std::is_invocable_v<F, inplace_stop_token, Args...>;

template <bool TakesStopToken, class F, class... Args>
struct offload_call {
    using type = std::invoke_result_t<F, Args...>;
};
template <class F, class... Args>
struct offload_call<true, F, Args...> {
    using type = std::invoke_result_t<F, inplace_stop_token, Args...>;
};

/// The function's result type. An rvalue reference becomes a value, so that the result does not dangle.
template <class Given>
using kept_result = std::conditional_t<std::is_rvalue_reference_v<Given>, std::remove_cvref_t<Given>, Given>;
template <class F, class... Args>
using offload_result = kept_result<typename offload_call<takes_stop_token<F, Args...>, F, Args...>::type>;

template <class F, class... Args>
concept offloadable = takes_stop_token<std::decay_t<F>, std::decay_t<Args>...> ||
                      std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>;

/// Returns true if a pool can run the function. Otherwise the compilation fails with a message that says what
/// to write instead.
template <class F, class... Args>
consteval bool check_offload() {
    static_assert(
        is_safe_closure<F>(),
        "g++ before 13 destroys such a closure twice: name the lambda and pass it by that name, or let it "
        "capture nothing and pass its state as further arguments of offload");
    static_assert(
        !is_task<std::decay_t<F>>,
        "offload runs functions, not tasks: co_await the task, or co_spawn it on another thread's context");
    constexpr bool wants_references =
        std::is_invocable_v<std::decay_t<F>, std::remove_reference_t<Args>&...> ||
        std::is_invocable_v<std::decay_t<F>, inplace_stop_token, std::remove_reference_t<Args>&...>;
    static_assert(is_task<std::decay_t<F>> || offloadable<F, Args...> || !wants_references,
                  "offload copies the arguments into the await: to pass a reference, write std::ref(x)");
    static_assert(
        is_task<std::decay_t<F>> || offloadable<F, Args...> || wants_references,
        "offload takes a function with its arguments: this one can't be called with these arguments");
    if constexpr (offloadable<F, Args...>) {
        static_assert(
            !description<offload_result<std::decay_t<F>, std::decay_t<Args>...>>,
            "offload runs functions: a coroutine would only be created there, and never run. co_await it, or "
            "co_spawn it on another thread's context");
        return !description<offload_result<std::decay_t<F>, std::decay_t<Args>...>>;
    }
    return false;
}

/// The stop source for a function that takes no token.
struct no_stop_source {
    void request_stop() const noexcept {}
};

/// Runs a function on a pool thread and waits for the result.
template <class F, class... Args>
class [[nodiscard("co_await it")]] offload_operation final : public detail::offload_operation_base {
    using result = detail::offload_result<F, Args...>;
    static constexpr bool takes_stop_token = detail::takes_stop_token<F, Args...>;

public:
    offload_operation(thread_pool& pool, F&& function, std::tuple<Args...>&& args, environment& task)
        : offload_operation_base(pool, call, task), function_(std::move(function)), args_(std::move(args)) {}
    offload_operation(const offload_operation&) = delete;
    offload_operation& operator=(const offload_operation&) = delete;
    ~offload_operation() override { retire(); }

    result await_resume() {
        if (const std::error_code error = finish())
            throw_failure(error, "offload");
        return result_.take();
    }

    /// A `std::system_error` becomes the outcome's error; any other exception propagates.
    auto await_outcome() {
        const std::error_code error = finish();
        const auto take = [this]() -> result { return result_.take(); };
        return error ? decltype(detail::outcome_from<result>(take))(error)
                     : detail::outcome_from<result>(take);
    }

private:
    static void call(offload_operation_base& self) noexcept { static_cast<offload_operation&>(self).call(); }

    void call() noexcept {
        try {
            if constexpr (std::is_void_v<result>)
                invoke();
            else
                result_.return_value(invoke());
        } catch (...) {
            result_.unhandled_exception();
        }
    }

    decltype(auto) invoke() {
        if constexpr (takes_stop_token)
            return std::apply(
                [this](Args&&... args) -> decltype(auto) {
                    return std::move(function_)(source_.get_token(), std::forward<Args>(args)...);
                },
                std::move(args_));
        else
            return std::apply(std::move(function_), std::move(args_));
    }

    void request_token_stop() noexcept override { source_.request_stop(); }

    [[no_unique_address]] F function_;
    [[no_unique_address]] std::tuple<Args...> args_;
    [[no_unique_address]] std::conditional_t<takes_stop_token, inplace_stop_source, detail::no_stop_source>
        source_;
    detail::result_slot<result> result_;
};

template <class F, class... Args>
class [[nodiscard("co_await it")]] offload_description
    : public co_await_is_missing<await_result<offload_operation<F, Args...>>,
                                 offload_description<F, Args...>> {
public:
    template <class G, class... Given>
    explicit offload_description(thread_pool& pool, G&& function, Given&&... args)
        : pool_(&pool), function_(std::forward<G>(function)), args_(std::forward<Given>(args)...) {}

    offload_operation<F, Args...> operation_in(environment& task) && {
        return {*pool_, std::move(function_), std::move(args_), task};
    }

private:
    thread_pool* pool_;
    [[no_unique_address]] F function_;
    [[no_unique_address]] std::tuple<Args...> args_;
};

}  // namespace detail

/// Runs a function on a pool thread while the context runs other tasks. When the function has returned, the
/// awaiting task continues on its own context. Use offload for blocking calls (a C library, getaddrinfo) and
/// for long computations.
///
///     auto digest = co_await coil::offload(sha256, std::move(file));
///     auto row = co_await coil::offload(pool, &database::find, &db, key);
///
/// Like std::async, offload first copies or moves the function and its arguments, and then calls the function
/// with the arguments as rvalues. To pass a reference, use std::ref. If the function can be called with an
/// `inplace_stop_token` as its first argument, it receives a token that is stopped when the awaiting task is
/// stopped:
///
///     co_await coil::offload([&](coil::inplace_stop_token stop) {
///         while (!stop.stop_requested() && more())
///             step();
///     });
///
/// Completes: when the function has returned, with the function's result, which may be a reference or void.
/// Errors:    any exception from the function; operation_aborted if the pool is destroyed before the function
///            begins; resource_unavailable_try_again if the pool's queue is full, or if the pool cannot start
///            its first thread.
/// Cancel:    if the function has not begun, it never runs, and the await fails with operation_aborted. If
///            the function is running, its stop token is stopped, and the await returns the result when the
///            function has returned.
/// Lifetime:  the function may use the task's local variables, because destroying the task or its context
///            stops the token and then blocks the thread until the function has returned.
/// Cost:      no allocation in steady state; one round trip between two threads.
template <class F, class... Args>
auto offload(thread_pool& pool, F&& function, Args&&... args) {
    if constexpr (detail::check_offload<F, Args...>())
        return detail::offload_description<std::decay_t<F>, std::decay_t<Args>...>(
            pool, std::forward<F>(function), std::forward<Args>(args)...);
}

/// Runs a function on the process-wide default_pool().
template <class F, class... Args>
auto offload(F&& function, Args&&... args) {
    return offload(default_pool(), std::forward<F>(function), std::forward<Args>(args)...);
}

}  // namespace coil::COIL_ABI
