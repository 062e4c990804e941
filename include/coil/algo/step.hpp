// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>

#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI::detail {

/// One step of a larger operation on a stream. A step is the stream's own operation, which on completion
/// calls `Whole::advance` instead of resuming the waiter. `advance` either starts the next step, which
/// destroys this one, or returns the coroutine to resume.
template <class Operation, class Whole>
class step_of final : public Operation {
public:
    template <class Description>
    step_of(const Description& what, environment& task, Whole& whole)
        : Operation(what, task), whole_(whole) {}

    std::coroutine_handle<> run() noexcept override {
        const auto waiter = Operation::run();
        return waiter ? whole_.advance(waiter) : waiter;  // may destroy this
    }

private:
    Whole& whole_;
};

/// Returns whether a step was cancelled before its waiter was resumed, even if the step moved some bytes.
/// Returns false if the stream's operations do not provide this information.
template <class Step>
[[nodiscard]] bool is_cancelled(const Step& step) noexcept {
    if constexpr (requires { step.was_cancelled(); })
        return step.was_cancelled();
    else
        return false;
}

}  // namespace coil::COIL_ABI::detail
