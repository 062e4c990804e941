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

/// Satisfied by lvalues, and by views such as span and string_view, because views do not own their bytes.
template <class R>
concept outlives_call =
    std::is_lvalue_reference_v<R> || std::ranges::enable_borrowed_range<std::remove_cvref_t<R>>;

// Parameter types of deleted functions. The compiler prints their names in the first line of its error.
struct receive_into_a_named_buffer {};
struct receive_into_a_non_const_buffer {};

}  // namespace detail

/// The address and size of memory for an operation to fill. Non-owning, so the caller must keep the memory
/// valid until the await has completed, even if the await is cancelled.
///
/// Contiguous ranges of char, unsigned char or std::byte convert implicitly: arrays, std::array, vector,
/// string, span. A temporary container does not compile, because it would be destroyed before the bytes
/// arrive. A mutable_buffer has the layout of an iovec(3type), so an array of buffers is passed to the kernel
/// unchanged.
class mutable_buffer {
public:
    constexpr mutable_buffer() noexcept = default;
    constexpr mutable_buffer(void* data, std::size_t size) noexcept : data_(data), size_(size) {}

    template <detail::bytes_range R>
        requires(!std::is_const_v<detail::element_of<std::remove_reference_t<R>>> && detail::outlives_call<R>)
    constexpr mutable_buffer(R&& range) noexcept : data_(std::data(range)), size_(std::size(range)) {}
    // A temporary container would be destroyed before the bytes arrive.
    template <detail::bytes_range R>
        requires(!detail::outlives_call<R>)
    mutable_buffer(R&&, detail::receive_into_a_named_buffer = {}) = delete;
    template <detail::bytes_range R>
        requires(std::is_const_v<detail::element_of<std::remove_reference_t<R>>> && detail::outlives_call<R>)
    mutable_buffer(R&&, detail::receive_into_a_non_const_buffer = {}) = delete;

    [[nodiscard]] constexpr void* data() const noexcept { return data_; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }

    /// Removes the first `n` bytes, or all bytes if there are fewer.
    constexpr mutable_buffer& operator+=(std::size_t n) noexcept {
        const std::size_t skipped = n < size_ ? n : size_;
        data_ = static_cast<std::byte*>(data_) + skipped;
        size_ -= skipped;
        return *this;
    }
    [[nodiscard]] friend constexpr mutable_buffer operator+(mutable_buffer b, std::size_t n) noexcept {
        return b += n;
    }

    /// Returns the first `n` bytes, or all bytes if there are fewer.
    [[nodiscard]] constexpr mutable_buffer first(std::size_t n) const noexcept {
        return {data_, n < size_ ? n : size_};
    }

private:
    void* data_ = nullptr;
    std::size_t size_ = 0;
};

/// The address and size of memory for an operation to read. Non-owning, like `mutable_buffer`. All ranges
/// that convert to a mutable_buffer also convert to a const_buffer. In addition, a const_buffer can be made
/// from a mutable_buffer, a string_view, or an array of const char, such as a string literal or
/// `const char magic[4]`. If an array of const char ends with a NUL, the buffer excludes that NUL. To send a
/// trailing NUL, use a `std::string_view`, or an array of unsigned char or std::byte.
class const_buffer {
public:
    constexpr const_buffer() noexcept = default;
    constexpr const_buffer(const void* data, std::size_t size) noexcept : data_(data), size_(size) {}
    constexpr const_buffer(mutable_buffer b) noexcept : data_(b.data()), size_(b.size()) {}

    template <std::size_t N>
    constexpr const_buffer(const char (&text)[N]) noexcept
        : data_(text), size_(N - (text[N - 1] == '\0' ? 1 : 0)) {}

    /// Makes a buffer from a range of bytes. The range may be a temporary container, because the container
    /// lives until the end of the full expression that awaits the send.
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

/// Makes a buffer from a pointer and a size, or from a range, as Asio's buffer() does. The overloads for
/// ranges do the same as the implicit conversions.
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

/// Returns the total number of bytes in `buffers`.
template <class Buffer>
[[nodiscard]] constexpr std::size_t total_size(std::span<const Buffer> buffers) noexcept {
    std::size_t total = 0;
    for (const Buffer& each: buffers)
        total += each.size();
    return total;
}

/// An array of buffers whose length is known only at run time. Non-owning, so the caller must keep both the
/// array and the bytes valid until the await has completed.
using mutable_buffers = std::span<const mutable_buffer>;
using const_buffers = std::span<const const_buffer>;

namespace detail {

/// Two or more buffers passed as separate arguments: `recv(head, body)`.
template <class Buffer, class... Buffers>
concept several = sizeof...(Buffers) >= 2 && (std::convertible_to<Buffers, Buffer> && ...);

/// Recognizes a call with the arguments of recv(2) or send(2): bytes and a size, then flags or an address. A
/// container followed only by a size is not recognized here. In such a call, the size takes the place of the
/// flags, and `message_flags` rejects the size.
template <class... Arguments>
inline constexpr bool is_c_call = false;
template <class Bytes, class Size, class... More>
inline constexpr bool is_c_call<Bytes, Size, More...> =
    (std::is_integral_v<std::remove_cvref_t<Size>> || std::is_enum_v<std::remove_cvref_t<Size>>) &&
    (sizeof...(More) > 0 || std::is_pointer_v<std::remove_cvref_t<Bytes>>);

template <class... Arguments>
concept c_call = is_c_call<Arguments...>;

/// Produces the compile error for a call with the arguments of recv(2) or send(2). Each overload for c_call
/// calls this function in its body. The error message says what to write instead.
template <class... Arguments>
consteval void refuse_c_call() {
    static_assert(!is_c_call<Arguments...>,
                  "the bytes and their size are one argument: coil::buffer(p, n); flags of a socket are "
                  "coil::message_flags::peek or coil::message_flags(MSG_...)");
}

}  // namespace detail

}  // namespace coil::COIL_ABI
