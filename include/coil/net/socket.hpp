// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstddef>
#include <system_error>

#include <coil/base/buffer.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/base/unique_descriptor.hpp>
#include <coil/coro/completed.hpp>
#include <coil/loop/descriptor.hpp>
#include <coil/net/socket_options.hpp>
#include <coil/op/wait.hpp>

namespace coil::COIL_ABI {

/// The base class of all sockets. Programs use a derived class, such as `tcp::socket`, `tcp::acceptor` or
/// `udp::socket`.
///
/// Threads:  the context's thread only. Sockets of one context share that thread, so they need no locks.
/// Moves:    allowed even while operations are pending; the operations continue. A moved-from socket is
///           closed and keeps its context.
/// Lifetime: the destructor closes the socket. When the destructor returns, all operations on the socket have
///           ended with operation_aborted. If the socket outlives its context, the context closes the socket.
/// Errors:   functions that do not return an awaitable throw std::system_error. The text names the failed
///           call, and the address or option.
class basic_socket : public socket_base {
public:
    /// Returns the socket's context. Do not call this on a default-constructed socket.
    [[nodiscard]] io_context& context() const noexcept { return handle_.context(); }

    [[nodiscard]] bool is_open() const noexcept { return handle_.is_open(); }
    /// Returns the descriptor, for system calls that coil does not wrap, or -1 if the socket is closed. The
    /// socket still owns the descriptor. After this call, close() queries SO_LINGER, because the caller may
    /// have set that option.
    [[nodiscard]] int native_handle() const noexcept { return handle_.lend_number(); }

    /// Ends all operations with operation_aborted and returns the open descriptor, which the caller then
    /// owns. Throws error::wrong_thread on a thread other than the context's. Throws error::unread_bytes if
    /// a `recv_stream` has received bytes or an error that no receive has returned yet. After an exception,
    /// the socket stays open.
    [[nodiscard]] int release();

    /// Requests that all pending operations end with operation_aborted. Operations that have already
    /// completed keep their results. The socket stays usable.
    void cancel() noexcept { handle_.cancel(); }

    /// Waits until the socket is ready for at least one of `kinds`, for example `wait_read | wait_write`.
    /// Transfers no bytes.
    /// Completes: with a bitmask of the kinds that are ready. wait_read means that a recv or accept would not
    ///            block, because there is data, a connection or the end of the stream. Unread data that coil
    ///            already holds counts as readable. wait_write means that a send would not block.
    ///            wait_error, if requested, means that there is out-of-band data. An error or a hang-up sets
    ///            all requested bits, and sets wait_error even if it was not requested. The result is a
    ///            snapshot, so another task may consume the data first.
    /// Errors:    bad_descriptor. If the connection has failed, wait() succeeds, and the next recv or send
    ///            fails.
    /// Cancel:    operation_aborted.
    /// Overlap:   allowed with any number of waits and with all other operations.
    /// Cost:      one SQE, no allocation. wait(wait_read) completes inline if coil already holds unread data.
    ///            wait_error costs one more SQE and a poll(2) whenever something arrives. There is no need to
    ///            wait before a receive, because recv waits by itself, and a `recv_stream` holds no buffer
    ///            while it waits.
    [[nodiscard("co_await it")]] op::wait_description wait(wait_type kinds) {
        return {handle_.use(static_cast<int>(kinds))};
    }

    /// Ends all operations with operation_aborted and closes the descriptor before it returns. The result
    /// may be awaited or ignored. Closing twice is a no-op.
    ///
    /// close() does not wait, even if SO_LINGER is set to a number of seconds. close() clears this option,
    /// and the kernel sends the remaining bytes in the background. No kernel thread waits either, so a peer
    /// that does not read cannot occupy a kernel thread. Duplicates of the descriptor also lose the option
    /// (docs/options.md).
    detail::completed close() noexcept {
        handle_.close();
        return detail::completed("close");
    }

    /// Sets an option, such as `tcp::no_delay` or `socket_base::keep_alive`, with setsockopt(2). To get the
    /// value of an option, use get_option(), which calls getsockopt(2).
    template <settable_option Option>
    void set_option(const Option& option) {
        set_option(option.level(), option.name(), option.data(), option.size());
    }
    /// Sets a negotiated option, such as `socket_base::receive_buffer_size`. Returns the value that the
    /// kernel has granted.
    template <settable_option Option>
        requires requires { typename Option::granted_type; }
    typename Option::granted_type set_option(const Option& option) {
        set_option(option.level(), option.name(), option.data(), option.size());
        Option granted;
        get_option(granted);
        return granted.value();
    }
    template <gettable_option Option>
    void get_option(Option& option) const {
        std::size_t size = option.size();
        get_option(option.level(), option.name(), option.data(), size);
        if (!option.resize(size))
            detail::throw_failure(std::make_error_code(std::errc::invalid_argument),
                                  "getsockopt: the kernel's value has another size than the option");
    }

    /// Sets or clears O_NONBLOCK (fcntl(2)). While it is set, the program's own system calls on this
    /// descriptor fail instead of blocking. The flag has no effect on coil's operations, which always wait.
    void native_non_blocking(bool on);
    [[nodiscard]] bool native_non_blocking() const;
    /// Sets or clears FD_CLOEXEC (fcntl(2)). While it is set, execve(2) closes the descriptor. coil sets this
    /// flag on all descriptors that it opens.
    void close_on_exec(bool on);
    template <class Flag>
        requires(!std::same_as<Flag, bool>)
    void native_non_blocking(Flag, detail::a_flag_is_a_bool = {}) = delete;
    template <class Flag>
        requires(!std::same_as<Flag, bool>)
    void close_on_exec(Flag, detail::a_flag_is_a_bool = {}) = delete;
    [[nodiscard]] bool close_on_exec() const;

    // Used by free functions that take a socket.
    [[nodiscard]] detail::descriptor_use use(int flags = 0) { return handle_.use(flags); }

protected:
    basic_socket() noexcept = default;
    explicit basic_socket(io_context& context) noexcept : handle_(context) {}
    explicit basic_socket(detail::descriptor_handle handle) noexcept : handle_(std::move(handle)) {}
    basic_socket(basic_socket&&) noexcept = default;
    basic_socket& operator=(basic_socket&&) noexcept = default;
    ~basic_socket() = default;

    void open(int family, int type, int protocol);
    template <class Protocol>
    static constexpr Protocol usual() noexcept {
        if constexpr (requires { Protocol::v4(); })
            return Protocol::v4();
        else
            return Protocol();
    }
    void assign(int number);
    void assign(unique_descriptor descriptor) {
        assign(descriptor.get());
        static_cast<void>(descriptor.release());
    }
    template <class Endpoint>
    void bind(const Endpoint& local) {
        typename Endpoint::sockaddr_type address;
        const socklen_t size = local.to_sockaddr(address);
        bind(&address, size);
    }
    void listen(int backlog);
    detail::completed shutdown(shutdown_type what) noexcept;
    [[nodiscard]] bool at_mark() const;
    [[nodiscard]] bool at_mark(std::error_code& error) const noexcept;

    template <class Endpoint>
    [[nodiscard]] Endpoint local_endpoint(std::error_code& error) const noexcept {
        typename Endpoint::sockaddr_type address;
        return endpoint_in<Endpoint>(address, get_local(&address, sizeof address, error));
    }
    template <class Endpoint>
    [[nodiscard]] Endpoint remote_endpoint(std::error_code& error) const noexcept {
        typename Endpoint::sockaddr_type address;
        return endpoint_in<Endpoint>(address, get_remote(&address, sizeof address, error));
    }
    template <class Endpoint>
    [[nodiscard]] Endpoint local_endpoint() const {
        std::error_code error;
        const auto local = local_endpoint<Endpoint>(error);
        if (error)
            detail::throw_failure(error, "local_endpoint");
        return local;
    }
    template <class Endpoint>
    [[nodiscard]] Endpoint remote_endpoint() const {
        std::error_code error;
        const auto remote = remote_endpoint<Endpoint>(error);
        if (error)
            detail::throw_failure(error, "remote_endpoint");
        return remote;
    }

    detail::descriptor_handle handle_;

private:
    template <class Endpoint>
    static Endpoint endpoint_in(const typename Endpoint::sockaddr_type& address, socklen_t size) noexcept {
        return Endpoint(Endpoint::plain_type::from_sockaddr(&address, size));
    }

    void bind(const void* address, socklen_t size);
    /// get_local() and get_remote() store at most `room` bytes of the address. They return the address's
    /// size, or 0 if there is an error.
    socklen_t get_local(void* address, socklen_t room, std::error_code& error) const noexcept;
    socklen_t get_remote(void* address, socklen_t room, std::error_code& error) const noexcept;
    void set_option(int level, int name, const void* value, std::size_t size);
    int control(int command, int argument = 0) const;
    void get_option(int level, int name, void* value, std::size_t& size) const;
};

}  // namespace coil::COIL_ABI
