// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <string>

#include <coil/base/outcome.hpp>
#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI {

namespace detail {

/// Waits until everything that is ready now has run.
class [[nodiscard("co_await it")]] yield_operation final : public awaited {
public:
    using awaited::awaited;

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept {
        suspend(waiter);
        refused_ = is_refused();
        env().scheduler().schedule(*this);
    }
    outcome<void> await_outcome() const noexcept {
        return refused_ ? outcome<void>(error::operation_aborted) : outcome<void>();
    }
    void await_resume() const { await_outcome().value(); }

    void stop() noexcept override {}  // nothing to do: the yield completes soon in any case
    std::string describe() const override { return "yield"; }

private:
    bool refused_ = false;
};

struct [[nodiscard("co_await it")]] yield_description {
    yield_operation operation_in(environment& task) const noexcept { return yield_operation(task); }
};

}  // namespace detail

/// Lets all other ready tasks run, and collects completions. Await it regularly in long computations.
///
/// Completes: in the loop's next iteration. Errors: operation_aborted in a stopped scope.
/// Cost:      one trip through the ready list; no system call unless there is something to submit or collect.
inline detail::yield_description yield() noexcept { return {}; }

}  // namespace coil::COIL_ABI
