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

/// Signals that are awaited instead of handled. In the manner of Asio.
///
///     coil::signal_set ending(context, SIGINT, SIGTERM);
///     int number = co_await ending.wait();
///
/// While a set holds a signal, the process's action for it (signal(7)) is a handler of the library, which only notes it and
/// writes an eventfd. Several sets, of any contexts, may hold the same signal: each gets it. Signals that arrive while
/// nobody waits are kept for the next wait, each as often as it arrived.
///
/// Threads:  its context's. Signals may arrive on any.
/// Moves:    also while a task waits.
/// Lifetime: its destructor ends all waits with operation_aborted; the last set with a signal restores the former action.
/// Errors:   the constructor and add() throw invalid_argument for a number that is none, and for SIGKILL and SIGSTOP.
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

    /// Ends all waits with operation_aborted. The set stays usable.
    void cancel() noexcept { handle_.cancel(); }

    class wait_operation;
    struct wait_description;

    /// Waits for a signal of the set, and gives its number. Several may wait; they are served in order.
    /// Errors: operation_aborted when cancelled. Cost: an SQE and a read(2), no allocation.
    wait_description wait();

private:
    descriptor_handle handle_;  // a duplicate of the subscription's eventfd
    detail::signal_subscription* subscription_ = nullptr;
};

/// Polls the eventfd (IORING_OP_POLL_ADD) until a signal has been noted.
class [[nodiscard("co_await it")]] signal_set::wait_operation final : public operation {
public:
    wait_operation(const descriptor_use& target, detail::signal_subscription& subscription,
                   environment& task) noexcept;

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

struct [[nodiscard("co_await it")]] signal_set::wait_description : descriptor_use {
    detail::signal_subscription* subscription = nullptr;

    wait_operation operation_in(environment& task) const noexcept { return {*this, *subscription, task}; }
};

}  // namespace coil::COIL_ABI
