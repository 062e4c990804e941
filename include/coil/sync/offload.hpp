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
#include <coil/sync/handover.hpp>
#include <coil/sync/thread_pool.hpp>

namespace coil::COIL_ABI {

namespace detail {

/// A function's way through a pool. It stands in the pool's queue itself, by the links of its node.
///
///     new --await--> queued --a thread takes it--> running --returns--> over
///                    queued --stop, destroyed, the pool ends--> over, never run
class offload_operation_base : public awaited {
public:
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept;
    void stop() noexcept override;
    std::string describe() const override { return "offload"; }

protected:
    // No virtual function: a thread of the pool may call it while this one begins to be destroyed.
    using entry = void(offload_operation_base& self) noexcept;

    offload_operation_base(thread_pool& pool, entry* call, environment& task);
    ~offload_operation_base();

    /// First in the destructor of the most derived: what runs uses its members. Holds the thread until it has returned.
    void retire() noexcept;
    /// First in await_resume and await_outcome. An error: the function has not run.
    [[nodiscard]] std::error_code finish() noexcept;

    virtual void ask_to_stop() noexcept = 0;

private:
    friend class thread_pool_core;

    bool take_back() noexcept;
    void give_up(std::error_code why) noexcept;

    std::shared_ptr<thread_pool_core> pool_;
    handover* handover_;
    entry* call_;
    std::error_code error_;
    bool given_ = false;    // the pool has a reference to the handover, and completes it
    bool queued_ = false;   // under the pool's lock
    unsigned process_ = 0;  // the one that gave it to the pool: see this_process
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

/// What a function gives. What it would lend as an rvalue is kept.
template <class Given>
using kept_result = std::conditional_t<std::is_rvalue_reference_v<Given>, std::remove_cvref_t<Given>, Given>;
template <class F, class... Args>
using offload_result = kept_result<typename offload_call<takes_stop_token<F, Args...>, F, Args...>::type>;

template <class F, class... Args>
concept offloadable = takes_stop_token<std::decay_t<F>, std::decay_t<Args>...> ||
                      std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>;

/// Says in the compiler's first line what to write instead. True: it can run in a pool.
template <class F, class... Args>
consteval bool check_offload() {
    static_assert(
        is_safe_closure<F>(),
        "g++ before 13 destroys such a closure twice: name the lambda and pass it by that name, or let it "
        "capture nothing and pass its state as further arguments of offload");
    static_assert(
        !is_task<std::decay_t<F>>,
        "offload runs functions, and a task is none: co_await it, or co_spawn it on the context of a thread");
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
            "offload runs functions: a coroutine would only be made there, and never run. co_await it, or "
            "co_spawn it on the context of a thread");
        return !description<offload_result<std::decay_t<F>, std::decay_t<Args>...>>;
    }
    return false;
}

/// The stop source of a function that takes no token.
struct no_stop_source {
    void request_stop() const noexcept {}
};

}  // namespace detail

/// A function that runs on a pool's thread, and whoever waits for it.
template <class F, class... Args>
class [[nodiscard("co_await it")]] offload_operation final : public detail::offload_operation_base {
    using result = detail::offload_result<F, Args...>;
    static constexpr bool takes_stop_token = detail::takes_stop_token<F, Args...>;

public:
    offload_operation(thread_pool& pool, F&& function, std::tuple<Args...>&& args, environment& task)
        : offload_operation_base(pool, call, task), function_(std::move(function)), args_(std::move(args)) {}
    offload_operation(const offload_operation&) = delete;
    offload_operation& operator=(const offload_operation&) = delete;
    ~offload_operation() { retire(); }

    result await_resume() {
        if (const std::error_code error = finish())
            throw_failure(error, "offload");
        return result_.take();
    }

    /// A `std::system_error` becomes the outcome's error; any other exception passes.
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

    void ask_to_stop() noexcept override { source_.request_stop(); }

    [[no_unique_address]] F function_;
    [[no_unique_address]] std::tuple<Args...> args_;
    [[no_unique_address]] std::conditional_t<takes_stop_token, inplace_stop_source, detail::no_stop_source>
        source_;
    detail::result_slot<result> result_;
};

template <class F, class... Args>
class [[nodiscard("co_await it")]] offload_description {
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

/// Runs a function on a thread of a pool, while the context goes on with other tasks; this task goes on on its own context
/// with what the function gives. For what blocks (a C library, getaddrinfo) or computes for long.
///
///     auto digest = co_await coil::offload(sha256, std::move(file));
///     auto row = co_await coil::offload(pool, &database::find, &db, key);
///
/// Function and arguments are copied or moved into the await, as std::async does, and lent to the function as rvalues; to
/// pass a reference, say std::ref. A function that can be called with an `inplace_stop_token` first gets one, which is
/// triggered when the awaiting scope is asked to stop:
///
///     co_await coil::offload([&](coil::inplace_stop_token stop) { while (!stop.stop_requested() && more()) step(); });
///
/// Completes: when the function has returned, with its value, which may be a reference or void.
/// Errors:    what the function throws. What has not begun: operation_aborted if the pool ends;
///            resource_unavailable_try_again if the pool's queue is full, or a first thread can't be had.
/// Cancel:    what has not begun never does: operation_aborted. What has is waited for, and what it gives is the result.
/// Lifetime:  the function may use what is the task's. So a task, or a context, that is destroyed meanwhile first triggers
///            the token and then holds its thread until the function has returned.
/// Cost:      no allocation in steady state; a round trip between two threads.
template <class F, class... Args>
auto offload(thread_pool& pool, F&& function, Args&&... args) {
    if constexpr (detail::check_offload<F, Args...>())
        return offload_description<std::decay_t<F>, std::decay_t<Args>...>(pool, std::forward<F>(function),
                                                                           std::forward<Args>(args)...);
}

/// The same on the process's default_pool().
template <class F, class... Args>
auto offload(F&& function, Args&&... args) {
    return offload(default_pool(), std::forward<F>(function), std::forward<Args>(args)...);
}

}  // namespace coil::COIL_ABI
