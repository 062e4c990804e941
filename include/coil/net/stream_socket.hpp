// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <sys/socket.h>

#include <coil/base/message_flags.hpp>
#include <coil/net/protocol_socket.hpp>
#include <coil/op/accept.hpp>
#include <coil/op/message.hpp>
#include <coil/op/recv.hpp>
#include <coil/op/recv_stream.hpp>
#include <coil/op/send.hpp>

namespace coil::COIL_ABI {

/// A connected stream of bytes, such as a `tcp::socket`.
///
///     tcp::socket peer(context);
///     co_await peer.connect({ip::address_v4::loopback(), 7777});
///     co_await coil::write(peer, "hello");
///     std::size_t n = co_await peer.recv(buffer);
///
/// One task may receive while another sends; a second reader, or a second writer, is refused with
/// error::operation_in_progress.
template <class Protocol>
class stream_socket : public protocol_socket<Protocol> {
public:
    /// A socket of no context, to be assigned to.
    stream_socket() noexcept = default;
    using protocol_socket<Protocol>::protocol_socket;

    /// recv(2): waits for bytes, and takes what is there.
    /// Completes: with 1 to buffer.size() bytes; with 0 when the peer has finished sending. An empty buffer: at once, with 0.
    /// Errors:    transfer_error: connection_reset, bad_descriptor ...
    /// Cancel:    operation_aborted, or the bytes if they came first: none is lost.
    /// Flags:     recv(2)'s, also when bytes were received ahead: `message_flags::peek`, `dont_wait`. `wait_all` fills the
    ///            buffer, or gives what arrived before an end or a cancel; an error half way comes with the count. With
    ///            `peek` it is refused: operation_not_supported.
    ///            `out_of_band` takes the urgent byte of tcp(7), past all that came before it. One that was announced is waited
    ///            for; without any, or with out_of_band_inline, invalid_argument at once. A recv that is waiting when it
    ///            comes goes past it, and so does a `recv_stream`: then it is lost. Who wants it waits with
    ///            `wait(wait_read | wait_error)`, and receives what is there.
    /// Buffer:    the caller's; must live until the await is over, also when cancelled.
    /// Cost:      one SQE, no allocation.
    [[nodiscard("co_await it")]] op::recv_description recv(mutable_buffer buffer, message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffer}};
    }
    /// recvmsg(2): the same into several buffers, one after the other. The array must live as long as they do.
    [[nodiscard("co_await it")]] op::recvmsg_description recv(mutable_buffers buffers,
                                                              message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffers}};
    }
    template <class... Buffers>
        requires detail::several<mutable_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto recv(Buffers&&... buffers) {
        return op::holding_description<op::recvmsg_description, mutable_buffer, sizeof...(Buffers)>{
            {{handle_.use(), {}}}, {mutable_buffer(std::forward<Buffers>(buffers))...}};
    }
    /// The arguments of the C function do not compile: says what to write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::recv_description recv(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return recv(mutable_buffer());
    }

    /// The same into a buffer of the context's pool, which is taken when bytes come: a socket that waits holds none.
    /// Completes: with what is there, up to pool.entry_size() bytes; with an empty chunk when the peer has finished sending.
    /// Cost:      one SQE, no allocation.
    [[nodiscard("co_await it")]] op::recv_chunk_description recv(buffer_pool&) { return {handle_.use()}; }
    /// What the peer sends, chunk by chunk, received ahead: see there.
    [[nodiscard]] coil::recv_stream recv_stream() { return coil::recv_stream(handle_.use()); }

    /// send(2): hands bytes to the kernel; it may take fewer than all. For all of them see `write`.
    /// Completes: with 1 to buffer.size() bytes. An empty buffer: at once, with 0.
    /// Errors:    transfer_error: connection_reset, broken_pipe (never the signal) ...
    /// Cancel:    operation_aborted, or the bytes that were taken.
    /// Flags:     `message_flags::more`, `out_of_band` (the last byte is the urgent one), `dont_wait`, `wait_all` (goes on
    ///            until all is sent; cancelled half way it gives what was taken, an error comes with the count).
    /// Buffer:    the caller's; must live until the await is over, also when cancelled.
    /// Cost:      one SQE, no allocation.
    [[nodiscard("co_await it")]] op::send_description send(const_buffer buffer, message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffer}};
    }
    /// sendmsg(2): the same from several buffers, one after the other. The array must live as long as they do.
    [[nodiscard("co_await it")]] op::sendmsg_description send(const_buffers buffers,
                                                              message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffers}};
    }
    template <class... Buffers>
        requires detail::several<const_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto send(Buffers&&... buffers) {
        return op::holding_description<op::sendmsg_description, const_buffer, sizeof...(Buffers)>{
            {{handle_.use(), {}}}, {const_buffer(std::forward<Buffers>(buffers))...}};
    }
    /// The arguments of the C function do not compile: says what to write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::send_description send(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return send(const_buffer());
    }

    /// sockatmark(3): whether the next byte is the first behind the urgent one, or that one with out_of_band_inline. A recv
    /// ends there, and doesn't go past it. Not with a `recv_stream`, which takes bytes from both sides of it: false while it
    /// has some that are unread.
    [[nodiscard]] bool at_mark() const { return basic_socket::at_mark(); }
    [[nodiscard]] bool at_mark(std::error_code& error) const noexcept { return basic_socket::at_mark(error); }

private:
    template <class>
    friend class accept_operation;

    using protocol_socket<Protocol>::handle_;

    explicit stream_socket(descriptor_handle accepted) : protocol_socket<Protocol>(std::move(accepted)) {}
};

/// An accept that gives a socket.
template <class Protocol>
class [[nodiscard("co_await it")]] accept_operation final : public op::accept {
public:
    using socket_type = typename Protocol::socket;

    accept_operation(const descriptor_use& target, typename Protocol::endpoint* peer,
                     environment& task) noexcept
        : op::accept(target, task), peer_(peer) {}

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
struct [[nodiscard("co_await it")]] accept_description : descriptor_use {
    typename Protocol::endpoint* peer = nullptr;

    accept_operation<Protocol> operation_in(environment& task) const noexcept { return {*this, peer, task}; }
};

namespace detail {
struct write_an_endpoint_as_in_tcp_v6_and_port {};  // the compiler prints this name in its error
}  // namespace detail

/// A listening socket, such as a `tcp::acceptor`.
///
///     tcp::acceptor acceptor(context, {tcp::v6(), 7777});     // IPv4 too
///     for (;;)
///         coil::co_spawn(context, serve(co_await acceptor.accept()), coil::detached);
template <class Protocol>
class basic_acceptor : public basic_socket {
public:
    using protocol_type = Protocol;
    using endpoint_type = typename Protocol::endpoint;
    using socket_type = typename Protocol::socket;

    /// An acceptor of no context, to be assigned to.
    basic_acceptor() noexcept = default;
    explicit basic_acceptor(io_context& context) noexcept : basic_socket(context) {}
    /// Opens, sets reuse_address, binds and listens. An IPv6 endpoint takes IPv4 connections as well.
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
    /// Takes an open descriptor, which is the acceptor's to close from now on. If it throws, the descriptor is still the caller's;
    /// a unique_descriptor closes it then.
    void assign(const Protocol&, int descriptor) { basic_socket::assign(descriptor); }
    void assign(const Protocol&, unique_descriptor descriptor) {
        basic_socket::assign(std::move(descriptor));
    }
    void bind(const endpoint_type& local) { basic_socket::bind(local); }
    /// listen(2). The kernel cuts the backlog to the sysctl net.core.somaxconn.
    void listen(int backlog = max_listen_connections) { basic_socket::listen(backlog); }

    [[nodiscard]] endpoint_type local_endpoint() const {
        return basic_socket::local_endpoint<endpoint_type>();
    }
    [[nodiscard]] endpoint_type local_endpoint(std::error_code& error) const noexcept {
        return basic_socket::local_endpoint<endpoint_type>(error);
    }

    /// accept(2): the next connection, as a socket on this acceptor's context.
    /// Completes: with a connection. Several may wait; they are served in order, one in each iteration of the loop. While no
    ///            accept() waits, nothing is accepted: connections stay in the listener's backlog, for a later accept() or for
    ///            another process that shares the listener.
    /// Errors:    operation_aborted, bad_descriptor, invalid_argument if listen() is missing. Errors of single connections are
    ///            skipped. If the kernel is out of descriptors or memory, or after 16 errors of single connections in a row,
    ///            accept retries ten times a second. std::bad_alloc (as_tuple: not_enough_memory) before the kernel is asked, if
    ///            there is no memory for the connection's record: no connection is lost.
    /// Cancel:    operation_aborted, or the connection if it came first.
    /// Cost:      one SQE; no allocation but for the connection's record, which later connections reuse.
    [[nodiscard("co_await it")]] accept_description<Protocol> accept() { return {handle_.use(), nullptr}; }
    /// The same, and stores the peer's address. `peer` must live until the await is over.
    /// Cost:      no more for IPv4 and IPv6: the kernel returns the address with the connection. Other families: getpeername(2).
    [[nodiscard("co_await it")]] accept_description<Protocol> accept(endpoint_type& peer) {
        return {handle_.use(), &peer};
    }
    /// There is no socket to accept into: does not compile, and says what to write.
    template <class Other, class... More>
        requires(sizeof...(More) > 0 || !std::same_as<Other, endpoint_type&>)
    accept_description<Protocol> accept(Other&&, More&&...) {
        static_assert(
            sizeof(Other) == 0,
            "accept() gives the socket: auto peer = co_await acceptor.accept(); accept(endpoint) stores the "
            "address of the peer in an endpoint_type of the caller");
        return accept();
    }
};

}  // namespace coil::COIL_ABI
