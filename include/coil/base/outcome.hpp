// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <coil/base/error.hpp>

namespace coil::COIL_ABI {

namespace detail {

[[noreturn]] void throw_outcome(std::error_code error, const std::exception_ptr& exception, bool is_transfer,
                                std::size_t bytes_transferred);

}  // namespace detail

/// The result of an operation: an error code, a value, and the number of bytes transferred before the
/// operation ended. Every coil awaitable can return an outcome (`await_outcome`) instead of throwing.
///
///     auto [ec, n] = co_await coil::as_tuple(socket.recv(buffer));
///
/// If there is no error, `value()` returns the value. Otherwise `value()` throws what the await would have
/// thrown: a task's own exception, or an exception that names the operation, its peer and the error. A
/// structured binding gives the error and the value. When there is an error, the value is default
/// constructed, except in an `outcome<std::size_t>`, where it is the number of bytes transferred. If T is not
/// default constructible, an outcome with an error has no value, so call value(), or check has_value() first.
///
/// Cost: no allocation if there is no error. If there is an error, `as_tuple` and races try to allocate the
///       exception. If that fails, value() throws an exception that contains only the code. operation_aborted
///       never allocates, and timed_out does not allocate in `as_tuple`.
template <class T>
class [[nodiscard("check it: it may hold an error")]] outcome {
public:
    using value_type = T;

    outcome(T value) noexcept(std::is_nothrow_move_constructible_v<T>) : value_(std::move(value)) {
        if constexpr (std::same_as<T, std::size_t>)
            bytes_ = value_;
    }

    outcome(std::error_code error, std::size_t bytes_transferred = 0)
        : error_(error), bytes_(bytes_transferred) {
        if constexpr (std::same_as<T, std::size_t>)
            value_ = bytes_transferred;
    }
    outcome(error::code error, std::size_t bytes_transferred = 0)
        : outcome(make_error_code(error), bytes_transferred) {}
    outcome(std::error_code error, std::size_t bytes_transferred, std::exception_ptr exception)
        : outcome(error, bytes_transferred) {
        exception_ = std::move(exception);
    }

    [[nodiscard]] bool has_value() const noexcept { return !error_; }
    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }
    [[nodiscard]] const std::error_code& error() const noexcept { return error_; }
    [[nodiscard]] std::size_t bytes_transferred() const noexcept { return bytes_; }
    /// Returns the stored exception, which value() throws. Null if there is no error, or if value() makes the
    /// exception from error() and bytes_transferred().
    [[nodiscard]] const std::exception_ptr& exception() const noexcept { return exception_; }
    void keep(std::exception_ptr exception) noexcept { exception_ = std::move(exception); }

    /// Returns the value, or throws if there is an error. If exception() is not null, that exception is
    /// thrown. Otherwise, value() throws a `transfer_error` if T is std::size_t or bytes were transferred,
    /// and a `std::system_error` in all other cases. To check only for errors, ignore the value.
    T& value() & { return check(), **this; }
    const T& value() const& { return check(), **this; }
    T value() && { return check(), *std::move(*this); }

    /// Returns the value, even if there is an error. If T is not default constructible, call this only if
    /// there is no error.
    [[nodiscard]] T& operator*() & noexcept { return get_from(value_); }
    [[nodiscard]] const T& operator*() const& noexcept { return get_from(value_); }
    [[nodiscard]] T&& operator*() && noexcept { return std::move(get_from(value_)); }
    [[nodiscard]] T* operator->() noexcept { return __builtin_addressof(get_from(value_)); }

private:
    void check() const {
        if (error_) [[unlikely]]
            detail::throw_outcome(error_, exception_, std::same_as<T, std::size_t>, bytes_);
    }

    template <class Stored>
    static auto& get_from(Stored& stored) noexcept {
        if constexpr (std::default_initializable<T>)
            return stored;
        else
            return *stored;
    }

    std::error_code error_;
    std::size_t bytes_ = 0;
    std::exception_ptr exception_;
    std::conditional_t<std::default_initializable<T>, T, std::optional<T>> value_{};
};

/// The outcome of an operation without a value.
template <>
class [[nodiscard("check it: it may hold an error")]] outcome<void> {
public:
    using value_type = void;

    outcome() noexcept = default;
    outcome(std::error_code error, std::size_t bytes_transferred = 0) noexcept
        : error_(error), bytes_(bytes_transferred) {}
    outcome(error::code error, std::size_t bytes_transferred = 0) noexcept
        : error_(make_error_code(error)), bytes_(bytes_transferred) {}
    outcome(std::error_code error, std::size_t bytes_transferred, std::exception_ptr exception) noexcept
        : error_(error), bytes_(bytes_transferred), exception_(std::move(exception)) {}

    [[nodiscard]] bool has_value() const noexcept { return !error_; }
    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }
    [[nodiscard]] const std::error_code& error() const noexcept { return error_; }
    [[nodiscard]] std::size_t bytes_transferred() const noexcept { return bytes_; }
    [[nodiscard]] const std::exception_ptr& exception() const noexcept { return exception_; }
    void keep(std::exception_ptr exception) noexcept { exception_ = std::move(exception); }

    void value() const {
        if (error_) [[unlikely]]
            detail::throw_outcome(error_, exception_, false, bytes_);
    }

private:
    std::error_code error_;
    std::size_t bytes_ = 0;
    std::exception_ptr exception_;
};

namespace detail {

/// If the outcome has an error but no exception, stores an exception with the operation's text for value() to
/// throw. Best effort. Skips operation_aborted, because a stop ends many operations at the same time and
/// their texts would add nothing.
template <class T, class Operation>
void name_failure(outcome<T>& of, const Operation& operation) noexcept {
    if (!of.error() || of.exception() || of.error() == error::operation_aborted) [[likely]]
        return;
    try {
        of.keep(make_failure(of.error(), operation.describe(), std::same_as<T, std::size_t>,
                             of.bytes_transferred()));
    } catch (...) {
        of.keep(nullptr);  // out of memory for the text
    }
}

}  // namespace detail

// get() lets structured bindings unpack an outcome. The value of a named outcome stays in the outcome and is
// not moved. If the outcome is a temporary, the program has no object on which to call value(), so get()
// drops the exception. The temporary's destructor is not sufficient, because g++ 15 and 16 may skip it.
template <std::size_t I, class T>
decltype(auto) get(outcome<T>& from) {
    if constexpr (I == 0) {
        return std::error_code(from.error());
    } else {
        static_assert(std::default_initializable<T>,
                      "a result that is not default constructible can't stand beside an error: name the "
                      "outcome, check it, and call value()");
        return *from;
    }
}

template <std::size_t I, class T>
decltype(auto) get(const outcome<T>& from) {
    if constexpr (I == 0) {
        return std::error_code(from.error());
    } else {
        static_assert(std::default_initializable<T>,
                      "a result that is not default constructible can't stand beside an error: name the "
                      "outcome, check it, and call value()");
        return *from;
    }
}

template <std::size_t I, class T>
auto get(outcome<T>&& from) {
    if (from.exception()) [[unlikely]]
        from.keep(nullptr);
    if constexpr (I == 0) {
        return from.error();
    } else {
        static_assert(
            std::default_initializable<T>,
            "a result that is not default constructible can't stand beside an error: name the outcome, "
            "auto result = co_await as_tuple(x), then check it and call result.value()");
        return *std::move(from);
    }
}

}  // namespace coil::COIL_ABI

template <class T>
struct std::tuple_size<coil::outcome<T>> : std::integral_constant<std::size_t, std::is_void_v<T> ? 1 : 2> {};

template <class T>
struct std::tuple_element<0, coil::outcome<T>> {
    using type = std::error_code;
};

template <class T>
struct std::tuple_element<1, coil::outcome<T>> {
    using type = T;
};
