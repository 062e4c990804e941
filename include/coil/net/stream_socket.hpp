// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <sys/socket.h>

#include <coil/base/message_flags.hpp>
#include <coil/coro/gather.hpp>
#include <coil/net/protocol_socket.hpp>
#include <coil/op/accept.hpp>
#include <coil/op/recv.hpp>
#include <coil/op/recv_stream.hpp>
#include <coil/op/send.hpp>

namespace coil::COIL_ABI {

namespace detail {

template <class Protocol>
class accept_operation;

}  // namespace detail

/// A connected byte stream, such as a `tcp::socket`.
///
///     tcp::socket peer(context);
///     co_await peer.connect({ip::address_v4::loopback(), 7777});
///     co_await coil::write(peer, "hello");
///     std::size_t n = co_await peer.recv(buffer);
///
/// One task may receive while another sends. A second concurrent reader or writer fails with
/// error::operation_in_progress.
template <class Protocol>
class stream_socket : public protocol_socket<Protocol> {
public:
    /// Creates a socket without a context, as a target for move assignment.
    stream_socket() noexcept = default;
    using protocol_socket<Protocol>::protocol_socket;

    /// recv(2): waits until bytes are available, and receives them. The number of bytes may be smaller than
    /// requested (a short read).
    /// Completes: with 1 to buffer.size() bytes, or with 0 at the end of the stream, when the peer has
    ///            finished sending. A recv into an empty buffer completes inline with 0.
    /// Errors:    transfer_error: connection_reset, bad_descriptor ...
    /// Cancel:    operation_aborted, or the bytes if they arrived first. No byte is lost.
    /// Flags:     `message_flags::peek` and `dont_wait` work as in recv(2), even for unread bytes that coil
    ///            already holds. `wait_all` fills the buffer. If the stream ends first or the receive is
    ///            cancelled, the receive returns the number of bytes received so far. If the receive fails,
    ///            the error reports that number. `wait_all` with `peek` fails with operation_not_supported.
    ///            `out_of_band` receives the urgent byte of tcp(7) before the bytes that precede it in the
    ///            stream. If urgent data has been announced, the receive waits for the urgent byte.
    ///            Otherwise, or with out_of_band_inline, the receive fails immediately with invalid_argument.
    ///            If the urgent byte arrives while a recv or a `recv_stream` is waiting, the byte is skipped
    ///            and lost. To receive the urgent byte, first wait with `wait(wait_read | wait_error)`, and
    ///            then receive what is ready.
    /// Buffer:    owned by the caller; must stay valid until the await ends, even after a cancel.
    /// Cost:      one SQE, no allocation. Completes inline if coil already holds unread bytes.
    [[nodiscard("co_await it")]] op::recv_description<mutable_buffer> recv(mutable_buffer buffer,
                                                                           message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffer}};
    }
    /// recvmsg(2): scatters the bytes over several buffers, in order. The array of buffers, like the buffers
    /// themselves, must stay valid until the await ends.
    [[nodiscard("co_await it")]] op::recv_description<mutable_buffers> recv(mutable_buffers buffers,
                                                                            message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffers}};
    }
    template <class... Buffers>
        requires detail::several<mutable_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto recv(Buffers&&... buffers) {
        return detail::gather<mutable_buffer>(recv(mutable_buffers()), std::forward<Buffers>(buffers)...);
    }
    /// At compile time, rejects a call that passes the arguments of recv(2). The error message shows what to
    /// write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::recv_description<mutable_buffer> recv(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return recv(mutable_buffer());
    }

    /// Receives into a buffer from the context's pool. The buffer is taken from the pool only when bytes
    /// arrive, so a waiting socket holds no buffer.
    /// Completes: with the available bytes, at most pool.entry_size(), or with an empty chunk at the end of
    ///            the stream.
    /// Cost:      one SQE, no allocation. Completes inline if coil already holds unread bytes.
    [[nodiscard("co_await it")]] op::recv_chunk_description recv_chunk() { return {handle_.use()}; }
    /// Returns a `coil::recv_stream`, which receives bytes before the program asks for them and delivers them
    /// as chunks.
    [[nodiscard]] coil::recv_stream recv_stream() { return coil::recv_stream(handle_.use()); }

    /// send(2): passes bytes to the kernel, which may accept only some of them (partial write). To send all
    /// bytes, use `write`.
    /// Completes: with 1 to buffer.size() bytes. A send of an empty buffer completes inline with 0.
    /// Errors:    transfer_error: connection_reset, broken_pipe (SIGPIPE is never raised) ...
    /// Cancel:    operation_aborted, or the number of bytes if some were sent first.
    /// Flags:     `message_flags::more`, `dont_wait`, `out_of_band` (the last byte becomes the urgent byte),
    ///            and `wait_all` (repeats until all bytes have been sent). If a send with `wait_all` is
    ///            cancelled, it returns the number of bytes sent so far. If the send fails, the error reports
    ///            that number.
    /// Buffer:    owned by the caller; must stay valid until the await ends, even after a cancel.
    /// Cost:      one SQE or, under low load, a direct send(2) of at most 16 KiB; no allocation.
    [[nodiscard("co_await it")]] op::send_description<const_buffer> send(const_buffer buffer,
                                                                         message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffer}};
    }
    /// sendmsg(2): gathers the bytes from several buffers, in order. The array of buffers, like the buffers
    /// themselves, must stay valid until the await ends.
    [[nodiscard("co_await it")]] op::send_description<const_buffers> send(const_buffers buffers,
                                                                          message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffers}};
    }
    template <class... Buffers>
        requires detail::several<const_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto send(Buffers&&... buffers) {
        return detail::gather<const_buffer>(send(const_buffers()), std::forward<Buffers>(buffers)...);
    }
    /// At compile time, rejects a call that passes the arguments of send(2). The error message shows what to
    /// write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::send_description<const_buffer> send(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return send(const_buffer());
    }

    /// sockatmark(3): returns true if the stream is at the mark, that is, if the next byte is the first byte
    /// after the urgent byte or, with out_of_band_inline, the urgent byte itself. A recv stops at the mark.
    /// Do not use at_mark() with a `recv_stream`, because the stream receives across the mark. While the
    /// stream has unread bytes, at_mark() returns false.
    [[nodiscard]] bool at_mark() const { return basic_socket::at_mark(); }
    [[nodiscard]] bool at_mark(std::error_code& error) const noexcept { return basic_socket::at_mark(error); }

private:
    template <class>
    friend class detail::accept_operation;

    using protocol_socket<Protocol>::handle_;

    explicit stream_socket(detail::descriptor_handle accepted)
        : protocol_socket<Protocol>(std::move(accepted)) {}
};

namespace detail {

/// A request to accept a connection. The peer's address is stored in `peer`, unless `peer` is null.
template <class Protocol>
struct accept_request : descriptor_use {
    typename Protocol::endpoint* peer = nullptr;
};

/// An accept that returns a socket.
template <class Protocol>
class [[nodiscard("co_await it")]] accept_operation final : public op::accept {
public:
    using socket_type = typename Protocol::socket;

    accept_operation(const accept_request<Protocol>& what, environment& task) noexcept
        : op::accept(what, task), peer_(what.peer) {}

    outcome<socket_type> await_outcome() noexcept {
        auto taken = op::accept::await_outcome();
        if (!taken)
            return taken.error();
        return take(*std::move(taken));
    }
    socket_type await_resume() { return take(op::accept::await_resume()); }

private:
    socket_type take(descriptor_handle accepted) noexcept {
        socket_type connection(std::move(accepted));
        if (std::error_code unknown; peer_)
            *peer_ = connection.remote_endpoint(unknown);
        return connection;
    }

    typename Protocol::endpoint* peer_;
};

template <class Protocol>
using accept_description = op::description_of<accept_operation<Protocol>, accept_request<Protocol>>;

struct write_an_endpoint_as_in_tcp_v6_and_port {};  // this name appears in the compiler's error message
}  // namespace detail

/// A listening socket, such as a `tcp::acceptor`.
///
///     tcp::acceptor acceptor(context, {tcp::v6(), 7777});     // also accepts IPv4
///     for (;;)
///         coil::co_spawn(context, serve(co_await acceptor.accept()), coil::detached);
template <class Protocol>
class basic_acceptor : public basic_socket {
public:
    using protocol_type = Protocol;
    using endpoint_type = typename Protocol::endpoint;
    using socket_type = typename Protocol::socket;

    /// Creates an acceptor without a context, as a target for move assignment.
    basic_acceptor() noexcept = default;
    explicit basic_acceptor(io_context& context) noexcept : basic_socket(context) {}
    /// Opens the socket, sets reuse_address, binds the socket and listens. An acceptor with an IPv6 endpoint
    /// also accepts IPv4 connections.
    basic_acceptor(io_context& context, const endpoint_type& local) : basic_socket(context) {
        open(local.protocol());
        set_option(reuse_address(true));
        bind(local);
        listen();
    }
    template <std::integral Port>
    basic_acceptor(io_context&, Port, detail::write_an_endpoint_as_in_tcp_v6_and_port = {}) = delete;

    void open(const Protocol& protocol = usual<Protocol>()) {
        basic_socket::open(protocol.family(), protocol.type(), protocol.protocol());
    }
    /// Takes ownership of an open descriptor. If assign() throws, an int descriptor still belongs to the
    /// caller, and a unique_descriptor is closed.
    void assign(const Protocol&, int descriptor) { basic_socket::assign(descriptor); }
    void assign(const Protocol&, unique_descriptor descriptor) {
        basic_socket::assign(std::move(descriptor));
    }
    void bind(const endpoint_type& local) { basic_socket::bind(local); }
    /// listen(2). The kernel limits the backlog to the value of the sysctl net.core.somaxconn.
    void listen(int backlog = max_listen_connections) { basic_socket::listen(backlog); }

    [[nodiscard]] endpoint_type local_endpoint() const {
        return basic_socket::local_endpoint<endpoint_type>();
    }
    [[nodiscard]] endpoint_type local_endpoint(std::error_code& error) const noexcept {
        return basic_socket::local_endpoint<endpoint_type>(error);
    }

    /// accept(2): accepts the next connection and returns it as a socket on this acceptor's context.
    /// Completes: with a connection. Several accepts may wait. They are served in FIFO order, one per loop
    ///            iteration. While no accept() is waiting, connections stay in the listener's backlog, for a
    ///            later accept() or for another process that shares the listener.
    /// Errors:    operation_aborted; bad_descriptor; invalid_argument if listen() has not been called.
    ///            Errors that concern only one connection are skipped. After 16 such errors in a row, or if
    ///            the kernel is out of descriptors or memory, accept backs off and retries ten times a
    ///            second. Throws std::bad_alloc (as_tuple: not_enough_memory) if there is no memory for the
    ///            connection's record. The record is allocated before the kernel accepts, so no connection
    ///            is lost.
    /// Cancel:    operation_aborted, or the connection if it arrived first.
    /// Cost:      one SQE, and one allocation for the connection's record, which later connections reuse.
    [[nodiscard("co_await it")]] detail::accept_description<Protocol> accept() {
        return {{handle_.use(), nullptr}};
    }
    /// Accepts the next connection, and stores the peer's address in `peer`, which must stay valid until the
    /// await ends.
    /// Cost:      for IPv4 and IPv6, the same as for accept() without an argument, because the kernel returns
    ///            the address with the connection. For other address families, also one getpeername(2).
    [[nodiscard("co_await it")]] detail::accept_description<Protocol> accept(endpoint_type& peer) {
        return {{handle_.use(), &peer}};
    }
    /// At compile time, rejects an argument that is not a modifiable endpoint, such as a socket. The error
    /// message shows what to write.
    template <class Other, class... More>
        requires(sizeof...(More) > 0 || !std::same_as<Other, endpoint_type&>)
    detail::accept_description<Protocol> accept(Other&&, More&&...) {
        static_assert(
            sizeof(Other) == 0,
            "accept() returns the socket: auto peer = co_await acceptor.accept(); accept(endpoint) stores "
            "the address of the peer in an endpoint_type of the caller");
        return accept();
    }
};

}  // namespace coil::COIL_ABI
