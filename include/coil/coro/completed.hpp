// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <string>
#include <system_error>

#include <coil/base/outcome.hpp>
#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI::detail {

/// The awaitable returned by functions that finish their work before they return, such as close() and
/// shutdown(). Awaiting a `completed` never suspends, and throws the error if the function failed. The caller
/// need not await it. A stop has no effect on it.
class completed {
public:
    explicit completed(const char* name, std::error_code error = {}) noexcept : name_(name), error_(error) {}

    class operation {
    public:
        explicit operation(const completed& what) noexcept : what_(what) {}
        bool await_ready() const noexcept { return true; }
        void await_suspend(std::coroutine_handle<>) const noexcept {}
        outcome<void> await_outcome() const noexcept { return what_.error_; }
        void await_resume() const {
            if (what_.error_)
                throw_failure(what_.error_, what_.name_);
        }
        [[nodiscard]] std::string describe() const { return what_.name_; }

    private:
        const completed& what_;
    };

    [[nodiscard]] operation operation_in(environment&) const noexcept { return operation(*this); }
    [[nodiscard]] operation operator co_await() const noexcept { return operation(*this); }
    [[nodiscard]] std::error_code error() const noexcept { return error_; }

private:
    const char* name_;
    std::error_code error_;
};

}  // namespace coil::COIL_ABI::detail
