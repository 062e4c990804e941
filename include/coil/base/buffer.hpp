// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>

namespace coil::COIL_ABI {

namespace detail {

template <class T>
concept byte_like = std::same_as<std::remove_cv_t<T>, std::byte> || std::same_as<std::remove_cv_t<T>, char> ||
                    std::same_as<std::remove_cv_t<T>, unsigned char>;

template <class R>
using element_of = std::remove_pointer_t<decltype(std::data(std::declval<R&>()))>;

template <class R>
concept bytes_range = requires(std::remove_reference_t<R>& range) {
    std::data(range);
    std::size(range);
} && byte_like<element_of<std::remove_reference_t<R>>>;

/// Lvalues, and views such as span and string_view, which do not own what they show.
template <class R>
concept outlives_call =
    std::is_lvalue_reference_v<R> || std::ranges::enable_borrowed_range<std::remove_cvref_t<R>>;

// Parameters of deleted functions: the compiler prints their names in the first line of its error.
struct receive_into_a_named_buffer {};
struct receive_into_what_is_not_const {};

}  // namespace detail

/// Memory that an operation fills: an address and a size in bytes. It owns nothing: the bytes are the caller's, and must
/// live until the operation's await is over, also when it is cancelled.
///
/// Made implicitly from contiguous ranges of char, unsigned char or std::byte: arrays, std::array, vector, string, span.
/// A temporary container does not compile: its bytes would be gone before they arrive.
/// Has the layout of an iovec(3type), so that an array of buffers goes to the kernel as it is.
class mutable_buffer {
public:
    constexpr mutable_buffer() noexcept = default;
    constexpr mutable_buffer(void* data, std::size_t size) noexcept : data_(data), size_(size) {}

    template <detail::bytes_range R>
        requires(!std::is_const_v<detail::element_of<std::remove_reference_t<R>>> && detail::outlives_call<R>)
    constexpr mutable_buffer(R&& range) noexcept : data_(std::data(range)), size_(std::size(range)) {}
    template <detail::bytes_range R>
        requires(!detail::outlives_call<R>)
    mutable_buffer(R&&, detail::receive_into_a_named_buffer = {}) =
        delete;  // its bytes would be gone when they arrive
    template <detail::bytes_range R>
        requires(std::is_const_v<detail::element_of<std::remove_reference_t<R>>> && detail::outlives_call<R>)
    mutable_buffer(R&&, detail::receive_into_what_is_not_const = {}) = delete;

    [[nodiscard]] constexpr void* data() const noexcept { return data_; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }

    /// Without the first `n` bytes, or empty where there are fewer.
    constexpr mutable_buffer& operator+=(std::size_t n) noexcept {
        const std::size_t skipped = n < size_ ? n : size_;
        data_ = static_cast<std::byte*>(data_) + skipped;
        size_ -= skipped;
        return *this;
    }
    [[nodiscard]] friend constexpr mutable_buffer operator+(mutable_buffer b, std::size_t n) noexcept {
        return b += n;
    }

    /// The first `n` bytes, or all where there are fewer.
    [[nodiscard]] constexpr mutable_buffer first(std::size_t n) const noexcept {
        return {data_, n < size_ ? n : size_};
    }

private:
    void* data_ = nullptr;
    std::size_t size_ = 0;
};

/// Memory that an operation reads. As `mutable_buffer`; also made from one, from string_view, and from an array of const char:
/// a string literal, or a named array such as `const char magic[4]`. The last byte of such an array is left out if it is NUL.
/// To send a NUL at the end, use a `std::string_view` or an array of unsigned char or std::byte.
class const_buffer {
public:
    constexpr const_buffer() noexcept = default;
    constexpr const_buffer(const void* data, std::size_t size) noexcept : data_(data), size_(size) {}
    constexpr const_buffer(mutable_buffer b) noexcept : data_(b.data()), size_(b.size()) {}

    template <std::size_t N>
    constexpr const_buffer(const char (&text)[N]) noexcept
        : data_(text), size_(N - (text[N - 1] == '\0' ? 1 : 0)) {}

    /// Temporary containers are taken too: sending one lives as long as the await in whose expression it stands.
    template <detail::bytes_range R>
        requires(!std::is_array_v<std::remove_reference_t<R>> ||
                 !std::same_as<detail::element_of<R>, const char>)
    constexpr const_buffer(R&& range) noexcept : data_(std::data(range)), size_(std::size(range)) {}

    [[nodiscard]] constexpr const void* data() const noexcept { return data_; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }

    constexpr const_buffer& operator+=(std::size_t n) noexcept {
        const std::size_t skipped = n < size_ ? n : size_;
        data_ = static_cast<const std::byte*>(data_) + skipped;
        size_ -= skipped;
        return *this;
    }
    [[nodiscard]] friend constexpr const_buffer operator+(const_buffer b, std::size_t n) noexcept {
        return b += n;
    }

    [[nodiscard]] constexpr const_buffer first(std::size_t n) const noexcept {
        return {data_, n < size_ ? n : size_};
    }

private:
    const void* data_ = nullptr;
    std::size_t size_ = 0;
};

/// A buffer of the bytes at an address. In the manner of Asio, for those who like the word; the conversions do the same.
[[nodiscard]] constexpr mutable_buffer buffer(void* data, std::size_t size) noexcept { return {data, size}; }
[[nodiscard]] constexpr const_buffer buffer(const void* data, std::size_t size) noexcept {
    return {data, size};
}
template <class R>
    requires std::constructible_from<mutable_buffer, R&>
[[nodiscard]] constexpr mutable_buffer buffer(R& range) noexcept {
    return mutable_buffer(range);
}
template <class R>
    requires(std::constructible_from<const_buffer, R&> && !std::constructible_from<mutable_buffer, R&>)
[[nodiscard]] constexpr const_buffer buffer(R& range) noexcept {
    return const_buffer(range);
}

/// How many bytes several buffers hold together.
template <class Buffer>
[[nodiscard]] constexpr std::size_t total_size(std::span<const Buffer> buffers) noexcept {
    std::size_t total = 0;
    for (const Buffer& each: buffers)
        total += each.size();
    return total;
}

/// Several buffers: the caller's array of them, made at run time, which must live as long as the bytes.
using mutable_buffers = std::span<const mutable_buffer>;
using const_buffers = std::span<const const_buffer>;

namespace detail {

/// Buffers given one by one: `recv(head, body)`.
template <class Buffer, class... Buffers>
concept several = sizeof...(Buffers) >= 2 && (std::convertible_to<Buffers, Buffer> && ...);

/// The arguments of recv(2) and send(2): bytes and a size, then flags or an address. A container with a size alone is none: there the
/// size stands where flags belong, and `message_flags` says so.
template <class... Arguments>
inline constexpr bool is_c_call = false;
template <class Bytes, class Size, class... More>
inline constexpr bool is_c_call<Bytes, Size, More...> =
    (std::is_integral_v<std::remove_cvref_t<Size>> || std::is_enum_v<std::remove_cvref_t<Size>>) &&
    (sizeof...(More) > 0 || std::is_pointer_v<std::remove_cvref_t<Bytes>>);

template <class... Arguments>
concept c_call = is_c_call<Arguments...>;

/// In the body of an overload for a c_call: does not compile, and says what to write.
template <class... Arguments>
consteval void refuse_c_call() {
    static_assert(!is_c_call<Arguments...>,
                  "the bytes and their size are one argument: coil::buffer(p, n); flags of a socket are "
                  "coil::message_flags::peek or coil::message_flags(MSG_...)");
}

}  // namespace detail

}  // namespace coil::COIL_ABI
