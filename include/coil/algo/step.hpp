// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>

#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI::detail {

/// One step of something larger on a stream: the stream's own operation, whose turn goes to the whole. That either starts
/// the next step, which destroys this one, or gives back who is to be resumed.
template <class Operation, class Whole>
class step_of final : public Operation {
public:
    template <class Description>
    step_of(const Description& what, environment& task, Whole& whole)
        : Operation(what, task), whole_(whole) {}

    std::coroutine_handle<> run() noexcept override {
        const auto waiter = Operation::run();
        return waiter ? whole_.advance(waiter) : waiter;  // destroys this
    }

private:
    Whole& whole_;
};

/// Whether a step was cancelled, here or before its turn came, though it may have moved a part all the same: where its
/// stream can tell.
template <class Step>
[[nodiscard]] bool is_cancelled(const Step& step) noexcept {
    if constexpr (requires { step.was_cancelled(); })
        return step.was_cancelled();
    else
        return false;
}

}  // namespace coil::COIL_ABI::detail
