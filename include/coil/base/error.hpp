// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <exception>
#include <string>
#include <system_error>

/// Error codes. A kernel error is a `std::error_code` in `std::system_category`, and can be compared with
/// `std::errc`. coil's own errors have the type `error::code`. This namespace also defines Asio's names for
/// common kernel errors.
///
///     if (failure.code() == coil::error::eof) ...
///     if (failure.code() == coil::error::connection_reset) ...  // equals std::errc::connection_reset

namespace coil::COIL_ABI::error {

enum class code {
    operation_aborted =
        1,         ///< cancelled, closed or stopped before it completed; equals std::errc::operation_canceled
    eof,           ///< the stream ended before `read` had received all bytes
    timed_out,     ///< a `timeout` expired; equals std::errc::timed_out, but differs from ETIMEDOUT
    wrong_thread,  ///< an io_context belongs to the thread that first ran it; from other threads use post()
    operation_in_progress,  ///< a similar operation is in progress; a stream has one reader and one writer
    already_open,           ///< open() or assign() was called on a socket that is already open
    not_found,              ///< the range given to connect() or when_any() was empty
    broken_promise,         ///< the completer of a `one_shot` was destroyed without completing it
    channel_closed,         ///< the `channel` to send to is closed
    unread_bytes,           ///< release() was called on a socket with received bytes that are still unread
    limit_exceeded,         ///< a line or a read of a `buffered_reader` exceeds the reader's limit
    already_running,        ///< run() or poll() was called in a task or posted function of the io_context
    wrong_context,          ///< a task awaited an object of another io_context
    wrong_process,          ///< the io_context already ran before fork(); make a new one in the child
    already_locked,   ///< a task locks a `mutex` it holds; equals std::errc::resource_deadlock_would_occur
    joins_itself,     ///< a task joins itself; equals std::errc::resource_deadlock_would_occur
    joins_own_group,  ///< a child joins its own group; equals std::errc::resource_deadlock_would_occur
    nothing_sent,     ///< the send() of a stream returned 0 for a buffer that is not empty
};
using enum code;

// Kernel errors, under the names that Asio gives them.
inline constexpr std::errc access_denied = std::errc::permission_denied;
inline constexpr std::errc address_in_use = std::errc::address_in_use;
inline constexpr std::errc bad_descriptor = std::errc::bad_file_descriptor;
inline constexpr std::errc broken_pipe = std::errc::broken_pipe;
inline constexpr std::errc connection_aborted = std::errc::connection_aborted;
inline constexpr std::errc connection_refused = std::errc::connection_refused;
inline constexpr std::errc connection_reset = std::errc::connection_reset;
inline constexpr std::errc host_unreachable = std::errc::host_unreachable;
inline constexpr std::errc invalid_argument = std::errc::invalid_argument;
inline constexpr std::errc message_size = std::errc::message_size;
inline constexpr std::errc network_unreachable = std::errc::network_unreachable;
inline constexpr std::errc not_connected = std::errc::not_connected;
inline constexpr std::errc would_block = std::errc::operation_would_block;

[[nodiscard]] const std::error_category& category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(code value) noexcept {
    return {static_cast<int>(value), category()};
}

}  // namespace coil::COIL_ABI::error

template <>
struct std::is_error_code_enum<coil::error::code> : std::true_type {};

namespace coil::COIL_ABI {

/// The exception of an operation that may have transferred bytes before it failed.
class transfer_error : public std::system_error {
public:
    transfer_error(std::error_code code, const std::string& what, std::size_t bytes_transferred);

    /// Returns the number of bytes that the operation received or sent before it failed.
    [[nodiscard]] std::size_t bytes_transferred() const noexcept { return bytes_transferred_; }

private:
    std::size_t bytes_transferred_;
};

namespace detail {

/// Returns the error code for a positive errno.
[[nodiscard]] inline std::error_code system_error_code(int number) noexcept {
    return {number, std::system_category()};
}

/// Throws `std::system_error` with the text "what: message", or the message alone if `what` is empty. Throws
/// `transfer_error` instead if `is_transfer` is set or bytes were transferred. `what` may begin with the name
/// of a system call. If the error of that call has one usual cause, the text includes the cause and the
/// remedy: "accept (the acceptor does not listen: call listen() before accept()): Invalid argument".
[[noreturn]] void throw_failure(std::error_code code, const std::string& what, bool is_transfer = false,
                                std::size_t bytes_transferred = 0);

/// Returns the exception that throw_failure() would throw, or null if it cannot be allocated.
[[nodiscard]] std::exception_ptr make_failure(std::error_code code, const std::string& what,
                                              bool is_transfer = false,
                                              std::size_t bytes_transferred = 0) noexcept;

}  // namespace detail

}  // namespace coil::COIL_ABI
