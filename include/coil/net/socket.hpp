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
#include <coil/net/options.hpp>
#include <coil/op/wait.hpp>

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
    /// Throws error::wrong_thread on another thread than its context's, and error::unread_bytes if a `recv_stream` has received bytes, or an error, that no receive has returned yet; the socket stays
    /// open then.
    [[nodiscard]] int release();

    /// Asks all pending operations to end with operation_aborted. Those that have completed keep their result; the socket
    /// stays usable.
    void cancel() noexcept { handle_.cancel(); }

    /// Waits until it is ready for one of `kinds`, and tells for which: `wait(wait_read | wait_write)`. Moves no bytes.
    /// Completes: with a bitmask. wait_read: a recv or an accept would not wait; there is something, or the end. What was
    ///            received ahead counts, as long as it is unread. wait_write: a send would not wait. wait_error: out-of-band
    ///            data, if that was asked for; an error or a hang-up always, and then what was asked for is in it, too.
    ///            Another task may be faster: it says what was so, and keeps nothing for you.
    /// Errors:    bad_descriptor. That of a connection is none here: the recv or send that follows has it.
    /// Cancel:    operation_aborted.
    /// Overlap:   any number, beside whatever else is going on.
    /// Cost:      one SQE, no allocation; at once where wait_read finds what was received ahead. With wait_error one more, and
    ///            a poll(2), whenever something arrives. To receive, don't wait first: a recv waits by itself, and a
    ///            `recv_stream` holds no buffer meanwhile.
    [[nodiscard("co_await it")]] op::wait_description wait(wait_type kinds) {
        return {handle_.use(static_cast<int>(kinds))};
    }

    /// Ends all operations with operation_aborted and closes the descriptor, now: the peer sees the end when this returns.
    /// The result may be awaited or dropped. Closing twice is fine.
    /// With SO_LINGER set to some seconds, close does not wait: the kernel sends the rest in the background. No thread of the kernel
    /// waits either, so that a peer that reads nothing costs none. Duplicates of the descriptor lose the option, too (docs/options.md).
    completed close() noexcept {
        handle_.close();
        return completed("close");
    }

    /// socket(7). Sets or gets an option, such as `tcp::no_delay`, `socket_base::keep_alive`.
    template <settable_option Option>
    void set_option(const Option& option) {
        set_option(option.level(), option.name(), option.data(), option.size());
    }
    /// The same of an option that is negotiated, such as `socket_base::receive_buffer_size`. Gives what the kernel has granted.
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
            throw_failure(std::make_error_code(std::errc::invalid_argument),
                          "getsockopt: an option of another size");
    }

    /// fcntl(2). Whether calls of others on the descriptor return at once (O_NONBLOCK). Operations of coil wait in either case.
    void native_non_blocking(bool on);
    [[nodiscard]] bool native_non_blocking() const;
    /// Whether a program that is executed doesn't get the descriptor (FD_CLOEXEC). On, of all that coil opens.
    void close_on_exec(bool on);
    template <class Flag>
        requires(!std::same_as<Flag, bool>)
    void native_non_blocking(Flag, detail::a_flag_is_a_bool = {}) = delete;
    template <class Flag>
        requires(!std::same_as<Flag, bool>)
    void close_on_exec(Flag, detail::a_flag_is_a_bool = {}) = delete;
    [[nodiscard]] bool close_on_exec() const;

    // For functions beside the classes.
    [[nodiscard]] descriptor_use use(int flags = 0) { return handle_.use(flags); }

protected:
    basic_socket() noexcept = default;
    explicit basic_socket(io_context& context) noexcept : handle_(context) {}
    explicit basic_socket(descriptor_handle handle) noexcept : handle_(std::move(handle)) {}
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
    completed shutdown(shutdown_type what) noexcept;
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
            throw_failure(error, "local_endpoint");
        return local;
    }
    template <class Endpoint>
    [[nodiscard]] Endpoint remote_endpoint() const {
        std::error_code error;
        const auto remote = remote_endpoint<Endpoint>(error);
        if (error)
            throw_failure(error, "remote_endpoint");
        return remote;
    }

    descriptor_handle handle_;

private:
    template <class Endpoint>
    static Endpoint endpoint_in(const typename Endpoint::sockaddr_type& address, socklen_t size) noexcept {
        return Endpoint(Endpoint::plain_type::from_sockaddr(&address, size));
    }

    void bind(const void* address, socklen_t size);
    /// Store the name, at most `room` bytes of it, and give its size; 0 with an error.
    socklen_t get_local(void* address, socklen_t room, std::error_code& error) const noexcept;
    socklen_t get_remote(void* address, socklen_t room, std::error_code& error) const noexcept;
    void set_option(int level, int name, const void* value, std::size_t size);
    int control(int command, int argument = 0) const;
    void get_option(int level, int name, void* value, std::size_t& size) const;
};

}  // namespace coil::COIL_ABI
