// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <coroutine>

#include <coil/base/outcome.hpp>
#include <coil/loop/descriptor.hpp>
#include <coil/loop/operation.hpp>

namespace coil::COIL_ABI {

namespace detail {
struct signal_subscription;
}

/// A set of signals that tasks can wait for, as a replacement for signal handlers. Modelled on Asio's
/// signal_set.
///
///     coil::signal_set ending(context, SIGINT, SIGTERM);
///     int number = co_await ending.wait();
///
/// While a signal is in a set, coil's own handler is installed as the process's action for that signal
/// (signal(7)). The handler only counts the signal and writes to an eventfd. Several sets, even in different
/// contexts, may contain the same signal. Each of these sets receives the signal. Signals that arrive while
/// no task is waiting are counted, and later waits return them one by one.
///
/// Threads:  the context's thread only. Signals may arrive on any thread.
/// Moves:    allowed, even while a task is waiting.
/// Lifetime: the destructor ends all waits with operation_aborted. When a signal is no longer in any set, its
///           previous action is restored.
/// Errors:   the constructor and add() throw invalid_argument for an invalid signal number, SIGKILL or
///           SIGSTOP.
class signal_set {
public:
    explicit signal_set(io_context& context);
    template <std::same_as<int>... Numbers>
        requires(sizeof...(Numbers) > 0)
    signal_set(io_context& context, Numbers... numbers) : signal_set(context) {
        (add(numbers), ...);
    }
    signal_set(signal_set&& other) noexcept;
    signal_set& operator=(signal_set&& other) noexcept;
    ~signal_set();

    [[nodiscard]] io_context& context() const noexcept { return handle_.context(); }

    void add(int number);
    void remove(int number);
    void clear();

    /// Ends all waits with operation_aborted. The set remains usable.
    void cancel() noexcept { handle_.cancel(); }

    class wait_operation;
    struct wait_description;

    /// Waits for a signal in the set and returns its number. Several tasks may wait; they are served in
    /// FIFO order.
    /// Errors: operation_aborted if the wait is cancelled.
    /// Cost:   one SQE and one read(2); no allocation.
    wait_description wait();

private:
    detail::descriptor_handle handle_;  // a duplicate of the subscription's eventfd
    detail::signal_subscription* subscription_ = nullptr;
};

/// Polls the set's eventfd (IORING_OP_POLL_ADD) until a signal is pending.
class [[nodiscard("co_await it")]] signal_set::wait_operation final : public detail::operation {
public:
    wait_operation(const detail::descriptor_use& target, detail::signal_subscription& subscription,
                   detail::environment& task) noexcept;

    std::coroutine_handle<> run() noexcept override;
    outcome<int> await_outcome() noexcept;
    int await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;
    const char* name() const noexcept override { return "signal wait"; }

private:
    detail::signal_subscription* subscription_;
    int number_ = 0;
};

struct [[nodiscard("co_await it")]] signal_set::wait_description
    : detail::co_await_is_missing<int, wait_description>,
      detail::descriptor_use {
    detail::signal_subscription* subscription = nullptr;

    wait_operation operation_in(detail::environment& task) const noexcept {
        return {*this, *subscription, task};
    }
};

}  // namespace coil::COIL_ABI
