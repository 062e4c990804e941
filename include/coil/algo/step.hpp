// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <coil/base/assert.hpp>
#include <coil/base/outcome.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/waker.hpp>

namespace coil::COIL_ABI::detail {

/// True if an awaitable's operation can be the base class of a `step_of`. The operation must derive from
/// `awaited` and be constructible from the awaitable and an environment.
template <class D>
concept stepwise = std::derived_from<operation_of<D>, awaited> &&
                   requires(D&& what, environment& task) { operation_of<D>(std::forward<D>(what), task); };

/// Stores the current exception. Returns a `std::system_error`'s code, or io_error for other exceptions.
inline std::error_code store_exception(std::exception_ptr& into) noexcept {
    into = std::current_exception();
    try {
        throw;
    } catch (const std::system_error& failure) {
        return failure.code();
    } catch (...) {
        return std::make_error_code(std::errc::io_error);
    }
}

/// Rethrows a stored exception that is not a `std::system_error`. Such an exception is a bug in the program,
/// so adapters such as `as_tuple` must not convert it to an error code.
inline void rethrow_bug(const std::exception_ptr& stored) {
    if (!stored) [[likely]]
        return;
    try {
        std::rethrow_exception(stored);
    } catch (const std::system_error&) {
        return;  // not a bug
    }
}

/// Aborts if `count` is larger than `size`. A stream that is not part of coil may return such a count.
inline void check_count(std::size_t count, std::size_t size) noexcept {
    COIL_PRECONDITION(
        count <= size,
        "stream: recv or send returned more bytes than the size of the buffer that it was given");
}

/// Returns whether a step was cancelled before its waiter was resumed, even if the step moved some bytes.
/// Returns false if the stream's operations do not provide this information.
template <class Step>
[[nodiscard]] bool is_cancelled(const Step& step) noexcept {
    if constexpr (requires { step.was_cancelled(); })
        return step.was_cancelled();
    else
        return false;
}

/// Makes a step from an awaitable that is not `stepwise`, by wrapping the awaitable's operation. An example
/// of such an awaitable is the `task<std::size_t>` that a user's own stream returns.
template <class D>
class awaitable_step : public awaited {
public:
    awaitable_step(D&& what, environment& task)
        : awaited(task), inner_(std::forward<D>(what).operation_in(task)) {}

    bool await_ready() { return inner_.await_ready(); }
    void await_suspend(std::coroutine_handle<> waiter) {
        waker_ =
            waker::make(this, [](void* step) noexcept { static_cast<awaitable_step*>(step)->inner_ended(); });
        suspend(waiter);
        inner_.await_suspend(waker_.handle());
    }
    void stop() noexcept override {}  // no-op: a stop reaches the inner operation directly
    outcome<std::size_t> await_outcome() { return inner_.await_outcome(); }
    [[nodiscard]] std::string describe() const override { return inner_.describe(); }
    [[nodiscard]] bool was_cancelled() const noexcept { return is_cancelled(inner_); }

private:
    // Called when the inner operation has ended. run() may start the next step, which destroys this object.
    void inner_ended() noexcept {
        scheduler& loop = env().scheduler();
        if (const auto next = run())
            loop.transfer(next);
    }

    operation_of<D> inner_;
    waker waker_;
};

template <class D>
struct step_operation {
    using type = awaitable_step<D>;
};
template <stepwise D>
struct step_operation<D> {
    using type = operation_of<D>;
};

/// One step of a larger operation on a stream. A step is the stream's own operation, except that on
/// completion it calls `Whole::advance` instead of resuming the waiter. `advance` either starts the next
/// step, which destroys this one, or returns the coroutine to resume.
template <class Operation, class Whole>
class step_of final : public Operation {
public:
    template <class Description>
    step_of(Description&& what, environment& task, Whole& whole)
        : Operation(std::forward<Description>(what), task), whole_(whole) {}

    std::coroutine_handle<> run() noexcept override {
        const auto waiter = Operation::run();
        return waiter ? whole_.advance(waiter) : waiter;  // may destroy this
    }

    /// Returns the operation's outcome. If Operation::await_outcome() throws an exception, the outcome
    /// contains io_error and that exception.
    outcome<std::size_t> await_outcome() noexcept {
        try {
            return Operation::await_outcome();
        } catch (...) {
            return {std::make_error_code(std::errc::io_error), 0, std::current_exception()};
        }
    }

private:
    Whole& whole_;
};

/// The type of a step that awaits `D` as part of a `Whole`.
template <class D, class Whole>
using step_for = step_of<typename step_operation<D>::type, Whole>;

/// Returns the description of a larger operation: its name and the description of its current step. If the
/// step has the same name, the name is not repeated.
inline std::string describe_step(std::string_view name, const std::string& step) {
    const bool is_same = step.starts_with(name) && (step.size() == name.size() || step[name.size()] == ' ');
    return is_same ? step : std::string(name) + ": " + step;
}

}  // namespace coil::COIL_ABI::detail
