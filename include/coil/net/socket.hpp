// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <system_error>

#include <coil/base/buffer.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/coro/completed.hpp>
#include <coil/loop/descriptor.hpp>
#include <coil/net/options.hpp>

namespace coil::COIL_ABI {

/// What all sockets have in common, whatever their protocol. Users hold a `tcp::socket`, `tcp::acceptor`, `udp::socket`.
///
/// Threads:  its context's. Distinct sockets of one context need no care: they are on one thread.
/// Moves:    also with operations pending, which go on. Moved from, it is closed, on the same context.
/// Lifetime: its destructor closes it, which ends all its operations with operation_aborted before it returns. One that
///           outlives its context is closed.
/// Errors:   functions that are no awaitables throw std::system_error, with the function and its address in the text.
class basic_socket : public socket_base {
public:
    /// Where the socket lives. Not for one that was default constructed.
    [[nodiscard]] io_context& context() const noexcept { return handle_.context(); }

    [[nodiscard]] bool is_open() const noexcept { return handle_.is_open(); }
    /// The descriptor, for calls that are not here. -1 while closed. The socket keeps it, and closing asks for SO_LINGER.
    [[nodiscard]] int native_handle() const noexcept { return handle_.lend_number(); }

    /// Ends all operations with operation_aborted, and hands the open descriptor out: it is the caller's to close.
    /// Throws error::unread_bytes if a `recv_stream` has received bytes that nobody has read; the socket stays open then.
    [[nodiscard]] int release();

    /// Asks all pending operations to end with operation_aborted. Those that have completed keep their result; the socket
    /// stays usable.
    void cancel() noexcept { handle_.cancel(); }

    /// Ends all operations with operation_aborted and closes the descriptor, now: the peer sees the end when this returns.
    /// The result may be awaited or dropped. Closing twice is fine.
    /// With SO_LINGER set to some seconds, the kernel goes on lingering, and nobody waits for it.
    completed close() noexcept {
        handle_.close();
        return completed("close");
    }

    /// socket(7). Sets or gets an option, such as `tcp::no_delay`, `socket_base::keep_alive`.
    template <settable_option Option>
    void set_option(const Option& option) {
        set_option(option.level(), option.name(), option.data(), option.size());
    }
    template <gettable_option Option>
    void get_option(Option& option) const {
        std::size_t size = option.size();
        get_option(option.level(), option.name(), option.data(), size);
        if (!option.resize(size))
            throw_failure(std::make_error_code(std::errc::invalid_argument),
                          "getsockopt: an option of another size");
    }

protected:
    basic_socket() noexcept = default;
    explicit basic_socket(io_context& context) noexcept : handle_(context) {}
    basic_socket(basic_socket&&) noexcept = default;
    basic_socket& operator=(basic_socket&&) noexcept = default;
    ~basic_socket() = default;

    void open(int family, int type, int protocol);
    void assign(int number);
    void bind(const ip::endpoint& local);
    void listen(int backlog);
    completed shutdown(shutdown_type what) noexcept;
    [[nodiscard]] ip::endpoint local_endpoint(std::error_code& error) const noexcept;
    [[nodiscard]] ip::endpoint remote_endpoint(std::error_code& error) const noexcept;
    [[nodiscard]] ip::endpoint local_endpoint() const;
    [[nodiscard]] ip::endpoint remote_endpoint() const;

    descriptor_handle handle_;

private:
    void set_option(int level, int name, const void* value, std::size_t size);
    void get_option(int level, int name, void* value, std::size_t& size) const;
};

}  // namespace coil::COIL_ABI
