// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <coil/base/assert.hpp>

namespace coil::COIL_ABI::detail {

inline constexpr const char* ended_without_value =
    "task: a task<T> ended without co_return, so it has no value; let every path co_return one or throw";

/// Holds a coroutine's result, which is a value or an exception, until the awaiter takes it. A promise
/// derives from this class, which contains the parts of a promise that depend on the result type.
template <class T>
class result_slot {
public:
    template <class U = T>
        requires std::convertible_to<U, T>
    void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }
    void unhandled_exception() noexcept { exception_ = std::current_exception(); }
    [[nodiscard]] const std::exception_ptr& exception() const noexcept { return exception_; }

    T take() {
        if (exception_) [[unlikely]]
            std::rethrow_exception(std::exchange(exception_, nullptr));
        COIL_PRECONDITION(value_.has_value(), ended_without_value);
        return std::move(*value_);
    }

private:
    std::optional<T> value_;
    std::exception_ptr exception_;
};

template <class T>
class result_slot<T&> {
public:
    void return_value(T& value) noexcept { value_ = __builtin_addressof(value); }
    void unhandled_exception() noexcept { exception_ = std::current_exception(); }
    [[nodiscard]] const std::exception_ptr& exception() const noexcept { return exception_; }

    T& take() {
        if (exception_) [[unlikely]]
            std::rethrow_exception(std::exchange(exception_, nullptr));
        COIL_PRECONDITION(value_ != nullptr, ended_without_value);
        return *value_;
    }

private:
    T* value_ = nullptr;
    std::exception_ptr exception_;
};

template <>
class result_slot<void> {
public:
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { exception_ = std::current_exception(); }
    [[nodiscard]] const std::exception_ptr& exception() const noexcept { return exception_; }

    void take() {
        if (exception_) [[unlikely]]
            std::rethrow_exception(std::exchange(exception_, nullptr));
    }

private:
    std::exception_ptr exception_;
};

}  // namespace coil::COIL_ABI::detail
