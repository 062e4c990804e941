// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <exception>
#include <string>
#include <system_error>

/// Errors. What the kernel says is a `std::error_code` of `std::system_category` and compares with `std::errc`;
/// what only coil can say is an `error::code`. The names that Asio's users compare with are all here.
///
///     if (failure.code() == coil::error::eof) ...
///     if (failure.code() == coil::error::connection_reset) ...      // the same as std::errc::connection_reset

namespace coil::COIL_ABI::error {

enum class code {
    operation_aborted =
        1,         ///< cancelled, closed or stopped before it was done; equals std::errc::operation_canceled
    eof,           ///< `read` of a whole found the end of the stream first
    timed_out,     ///< a `timeout` fired; equals std::errc::timed_out, but not the kernel's own ETIMEDOUT
    wrong_thread,  ///< an io_context belongs to the thread that first ran it; from others use post()
    operation_in_progress,  ///< a stream has one reader and one writer at a time, and that place is taken
    already_open,           ///< open() or assign() on a socket that is open
    not_found,              ///< there was nothing to choose from
    broken_promise,         ///< a `one_shot` that nobody will complete any more
    channel_closed,         ///< a send to a `channel` that was closed
    unread_bytes,           ///< release() of a socket for which bytes were received that nobody has read
    limit_exceeded,   ///< a line, or whatever a `buffered_reader` was asked for, is longer than its limit
    already_running,  ///< run() or poll() inside a task or posted function of the same io_context
    wrong_context,    ///< a task awaited an object of another io_context
    wrong_process,    ///< run() in a child of fork() of an io_context that the parent had run; make a new one
    already_locked,  ///< a task locks a `mutex` that it holds; equals std::errc::resource_deadlock_would_occur
    joins_itself,    ///< a task joins itself; equals std::errc::resource_deadlock_would_occur
    joins_own_group,  ///< a child joins its own group; equals std::errc::resource_deadlock_would_occur
};
using enum code;

// The kernel's, by the names that programs compare with.
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

/// The failure of an operation that may have moved bytes before it failed.
class transfer_error : public std::system_error {
public:
    transfer_error(std::error_code code, const std::string& what, std::size_t bytes_transferred);

    /// How many bytes had been moved, and are gone from the stream or into it.
    [[nodiscard]] std::size_t bytes_transferred() const noexcept { return bytes_transferred_; }

private:
    std::size_t bytes_transferred_;
};

/// An error of the kernel, from a positive errno.
[[nodiscard]] inline std::error_code system_error_code(int number) noexcept {
    return {number, std::system_category()};
}

/// Throws `std::system_error` with the text "what: message", or the message alone if `what` is empty; a
/// `transfer_error` if it is a transfer or bytes were moved.
/// If `what` begins with the name of a system call, and its error has one usual cause, the text names that and the
/// remedy: "accept (the acceptor does not listen: call listen() before accept()): Invalid argument".
[[noreturn]] void throw_failure(std::error_code code, const std::string& what, bool is_transfer = false,
                                std::size_t bytes_transferred = 0);

/// What throw_failure would throw. Null where no memory is left for it.
[[nodiscard]] std::exception_ptr make_failure(std::error_code code, const std::string& what,
                                              bool is_transfer = false,
                                              std::size_t bytes_transferred = 0) noexcept;

}  // namespace coil::COIL_ABI
