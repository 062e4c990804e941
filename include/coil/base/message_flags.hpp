// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <sys/socket.h>
#include <type_traits>

namespace coil::COIL_ABI {

namespace detail {

// The parameter type of deleted constructors, which reject a plain number. The compiler prints this name in
// the first line of its error. The caller may have meant the number as a size or as flags, so the name says
// how to write each of them.
struct write_coil_buffer_p_n_or_message_flags_peek {};

}  // namespace detail

/// The flags of a send or receive operation: a bitmask of the MSG_... values of send(2) and recv(2).
/// Each socket type documents which flags it accepts.
///
///     co_await socket.recv(buffer, coil::message_flags::peek);
///     co_await socket.recv(buffer, coil::message_flags::peek | coil::message_flags::dont_wait);
///     co_await socket.send(buffer, coil::message_flags(MSG_EOR));   // a flag that has no name here
///
/// Numbers do not convert implicitly, so a size cannot be mistaken for flags. For example,
/// `recv(buffer, sizeof buffer)` does not compile.
class message_flags {
public:
    static const message_flags none;
    static const message_flags peek;          ///< MSG_PEEK: leaves the bytes in the socket
    static const message_flags wait_all;      ///< MSG_WAITALL: waits until the buffer is full
    static const message_flags dont_wait;     ///< MSG_DONTWAIT: fails instead of waiting
    static const message_flags out_of_band;   ///< MSG_OOB: sends or receives the urgent byte
    static const message_flags more;          ///< MSG_MORE: more data follows shortly
    static const message_flags do_not_route;  ///< MSG_DONTROUTE: sends only to hosts on the local network
    static const message_flags confirm;       ///< MSG_CONFIRM: the peer has replied; saves an ARP probe

    constexpr message_flags() noexcept = default;
    constexpr explicit message_flags(int kernel) noexcept : kernel_(kernel) {}
    template <std::integral Size>
    message_flags(Size, detail::write_coil_buffer_p_n_or_message_flags_peek = {}) = delete;
    // Rejects implicit conversion of the MSG_... enumerators. An explicit message_flags(MSG_EOR) still works,
    // because the promotion to int is the better match.
    message_flags(long long, detail::write_coil_buffer_p_n_or_message_flags_peek = {}) = delete;

    /// Returns the flags as the kernel's integer.
    [[nodiscard]] constexpr int value() const noexcept { return kernel_; }
    [[nodiscard]] constexpr bool has(message_flags all) const noexcept {
        return (kernel_ & all.kernel_) == all.kernel_;
    }

    friend constexpr message_flags operator|(message_flags a, message_flags b) noexcept {
        return message_flags(a.kernel_ | b.kernel_);
    }
    friend constexpr message_flags operator&(message_flags a, message_flags b) noexcept {
        return message_flags(a.kernel_ & b.kernel_);
    }
    constexpr message_flags& operator|=(message_flags other) noexcept { return *this = *this | other; }
    friend constexpr bool operator==(message_flags, message_flags) noexcept = default;

private:
    int kernel_ = 0;
};

inline constexpr message_flags message_flags::none{};
inline constexpr message_flags message_flags::peek{MSG_PEEK};
inline constexpr message_flags message_flags::wait_all{MSG_WAITALL};
inline constexpr message_flags message_flags::dont_wait{MSG_DONTWAIT};
inline constexpr message_flags message_flags::out_of_band{MSG_OOB};
inline constexpr message_flags message_flags::more{MSG_MORE};
inline constexpr message_flags message_flags::do_not_route{MSG_DONTROUTE};
inline constexpr message_flags message_flags::confirm{MSG_CONFIRM};

}  // namespace coil::COIL_ABI
