// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <string>

#include <coil/base/outcome.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/this_coro.hpp>
#include <coil/loop/io_context.hpp>

namespace coil::COIL_ABI::this_coro {

/// Returns the io_context on which the task runs. Always completes inline.
struct context_operation {
    io_context* context;

    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    outcome<io_context*> await_outcome() const noexcept { return context; }
    io_context& await_resume() const noexcept { return *context; }
    [[nodiscard]] std::string describe() const { return "this_coro"; }
};

struct [[nodiscard("co_await it")]] context_description
    : detail::co_await_is_missing<io_context&, context_description> {
    context_operation operation_in(detail::environment& task) const noexcept {
        return {&io_context::of(task)};
    }
};

/// `co_await coil::this_coro::context` returns the io_context on which the task runs.
inline constexpr context_description context{};

}  // namespace coil::COIL_ABI::this_coro
