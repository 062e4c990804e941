// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <coil/base/time.hpp>

/// Option types for set_option() and get_option() of any socket or acceptor. Each option object holds the
/// level, the name and the value for setsockopt(2). The options themselves are in `socket_base`,
/// <coil/net/ip_options.hpp> and <coil/net/multicast.hpp>.
///
///     socket.set_option(tcp::no_delay(true));
///
///     socket_base::receive_buffer_size size;
///     socket.get_option(size);
///     use(size.value());

namespace coil::COIL_ABI {

namespace detail {
struct a_flag_is_a_bool {};  // this name appears in the compiler's error message
}  // namespace detail

/// An option that set_option() accepts. Its functions return the option's level and name, and the address
/// and size of the value.
template <class Option>
concept settable_option = requires(const Option& option) {
    { option.level() } -> std::same_as<int>;
    { option.name() } -> std::same_as<int>;
    { option.data() } -> std::convertible_to<const void*>;
    { option.size() } -> std::same_as<std::size_t>;
};

/// An option that get_option() accepts. The kernel writes at most size() bytes to data(). get_option() then
/// passes the number of written bytes to resize(), which returns false if the option's value cannot have
/// that size.
template <class Option>
concept gettable_option = settable_option<Option> && requires(Option& option, std::size_t written) {
    { option.data() } -> std::same_as<void*>;
    { option.resize(written) } -> std::same_as<bool>;
};

/// The value of an option as the kernel stores it: an int, a bool (stored as an int), or a structure.
template <class T>
class option_value {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);

public:
    constexpr option_value() noexcept = default;
    constexpr explicit option_value(T value) noexcept : stored_(value) {}
    template <class Other>
        requires(std::same_as<Other, bool> != std::same_as<T, bool>)
    explicit option_value(Other, detail::a_flag_is_a_bool = {}) = delete;

    constexpr T value() const noexcept { return static_cast<T>(stored_); }
    constexpr explicit operator bool() const noexcept
        requires std::same_as<T, bool>
    {
        return value();
    }

    constexpr void* data() noexcept { return &stored_; }
    constexpr const void* data() const noexcept { return &stored_; }
    constexpr std::size_t size() const noexcept { return sizeof stored_; }
    bool resize(std::size_t written) noexcept;

private:
    std::conditional_t<std::same_as<T, bool>, int, T> stored_{};
};

/// An option with a fixed level and name. To use an option that coil does not define, define it with the
/// constants from its manual page:
///
///     using max_segment = coil::option<IPPROTO_TCP, TCP_MAXSEG, int>;
///     socket.set_option(max_segment(1200));
template <int Level, int Name, class T>
class option : public option_value<T> {
public:
    using value_type = T;
    using option_value<T>::option_value;

    static constexpr int level() noexcept { return Level; }
    static constexpr int name() noexcept { return Name; }
};

namespace detail {
/// Returns a duration's count as an int, saturated to the range of int.
template <class Rep, class Period>
constexpr int saturated_count(std::chrono::duration<Rep, Period> duration) noexcept {
    constexpr int most = static_cast<int>(~0u >> 1);
    const Rep count = duration.count();
    return count > most ? most : count < -most ? -most : static_cast<int>(count);
}
}  // namespace detail

/// An option whose value is a duration, counted in `Unit`. The constructors take a number of units, or a
/// duration that is a whole number of units. If a duration is too long for an int, the longest possible
/// duration is set, so user_timeout(30 days) becomes 24.8 days.
///
///     socket.set_option(tcp::keep_idle(30s));
template <int Level, int Name, class Unit>
class duration_option : public option<Level, Name, int> {
public:
    using option<Level, Name, int>::option;
    constexpr explicit duration_option(Unit duration) noexcept
        : option<Level, Name, int>(detail::saturated_count(duration)) {}

    constexpr Unit duration() const noexcept { return Unit(this->value()); }
};

/// An option for which the kernel may grant a value that differs from the requested value. set_option()
/// returns the granted value.
template <int Level, int Name, class T>
class negotiated_option : public option<Level, Name, T> {
public:
    using granted_type = T;
    using option<Level, Name, T>::option;
};

/// An option whose value is a name of at most `Size` bytes, including the NUL. A longer name throws
/// std::system_error (invalid_argument), because a truncated name would be a different name.
template <int Level, int Name, std::size_t Size>
class text_option {
public:
    constexpr text_option() noexcept = default;
    explicit text_option(std::string_view text);

    std::string_view value() const noexcept { return {text_, ::strnlen(text_, Size)}; }

    static constexpr int level() noexcept { return Level; }
    static constexpr int name() noexcept { return Name; }
    constexpr void* data() noexcept { return text_; }
    constexpr const void* data() const noexcept { return text_; }
    constexpr std::size_t size() const noexcept { return Size; }
    bool resize(std::size_t written) noexcept;

private:
    char text_[Size]{};
};

// Implementation

template <class T>
bool option_value<T>::resize(std::size_t written) noexcept {
    if constexpr (std::is_class_v<T>) {
        // An older kernel may return a shorter structure.
        if (written > sizeof stored_)
            return false;
        std::memset(reinterpret_cast<unsigned char*>(&stored_) + written, 0, sizeof stored_ - written);
        return true;
    } else {
        return written == sizeof stored_;
    }
}

template <int Level, int Name, std::size_t Size>
text_option<Level, Name, Size>::text_option(std::string_view text) {
    if (text.size() >= Size)
        throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                                "socket option: the name is too long for the kernel");
    text.copy(text_, text.size());
}

template <int Level, int Name, std::size_t Size>
bool text_option<Level, Name, Size>::resize(std::size_t written) noexcept {
    if (written > Size)
        return false;
    std::memset(text_ + written, 0, Size - written);
    return true;
}

}  // namespace coil::COIL_ABI
