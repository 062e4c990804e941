// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <coil/algo/stream.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/base/assert.hpp>
#include <coil/base/buffer.hpp>
#include <coil/base/error.hpp>
#include <coil/base/wait_type.hpp>
#include <coil/coro/task.hpp>
#include <coil/tls/certificate.hpp>
#include <coil/tls/connection.hpp>
#include <coil/tls/context.hpp>
#include <coil/tls/engine.hpp>

namespace coil::COIL_ABI::tls {

/// Says that a client does not verify the server's certificate, so that anyone on the way can read and change
/// the data.
///
///     auto stream = co_await coil::tls::connect(std::move(socket), context, coil::tls::unverified());
class unverified {
public:
    unverified() = default;
    /// The client sends this name to the server (SNI), but does not verify it.
    explicit unverified(std::string name) : name_(std::move(name)) {}

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
    // A class and not an aggregate: g++ 12 destroys a temporary aggregate with a string twice in a co_await.
    std::string name_;
};

/// Settings of one connection.
struct connection_options {
    /// After this time, the handshake fails with error::timed_out.
    std::chrono::milliseconds handshake_limit = std::chrono::seconds(10);
    /// If true, recv() returns 0 if the stream below ends without the peer's close_notify, instead of failing
    /// with error::truncated. Use this only for protocols that have an end of their own. In both cases,
    /// was_truncated() tells.
    bool tolerates_truncation = false;
};

/// An encrypted stream above another stream, made by connect() or accept(). It is a `coil::stream`: read(),
/// write(), buffered_reader, timeout() and the others work with it.
///
/// Threads:  one context, that of the stream below.
/// Overlap:  one recv() or wait(wait_read), and one send() at a time. A second one fails with
///           operation_in_progress. A recv() never waits for a send(), nor a send() for a recv().
/// Lifetime: A move keeps pending operations. The destructor ends them with operation_aborted, and closes the
///           stream below without close_notify; the peer then sees a truncated stream.
/// Cost:     An idle stream above a socket holds OpenSSL's memory and about 800 bytes, but no buffer. Above a
///           stream without recv_chunk(), a pending recv() holds 17 KiB.
template <coil::stream Stream>
class stream {
    using connection = coil::detail::tls_connection<Stream>;
    template <class T>
    using description = coil::detail::tls_description<T>;

public:
    using next_layer_type = Stream;

    stream() noexcept = default;
    explicit stream(std::shared_ptr<connection> made) noexcept : connection_(std::move(made)) {}
    stream(stream&&) noexcept = default;
    stream& operator=(stream&& other) noexcept {
        if (this != &other) {
            abandon();
            connection_ = std::move(other.connection_);
        }
        return *this;
    }
    ~stream() { abandon(); }

    [[nodiscard]] bool is_open() const noexcept { return connection_ && !connection_->is_closed(); }

    /// Receives bytes. Fills the buffer from all records that have arrived.
    ///
    /// Completes: with the number of bytes; or with 0 after the peer's close_notify, and for an empty buffer.
    /// Buffers:   must stay valid until the await has ended.
    /// Errors:    tls::error::truncated if the stream below ended without close_notify; protocol_error; the
    ///            errors of the stream below. Bytes that arrived before are returned first.
    /// Cancel:    loses no byte; the next recv() continues.
    description<std::size_t> recv(mutable_buffer buffer) {
        return begin<std::size_t>([&](auto&&... of) { return connection::recv(std::move(of)..., buffer); });
    }
    description<std::size_t> recv(mutable_buffers buffers) {
        return begin<std::size_t>([&](auto&&... of) { return connection::recv(std::move(of)..., buffers); });
    }

    /// Encrypts and sends bytes, at most 64 KiB per call. Several buffers share records, and all records are
    /// one send on the stream below.
    ///
    /// Completes: with the number of bytes, when all of their ciphertext has been sent.
    /// Buffers:   must stay valid until the await has ended.
    /// Errors:    error::broken_pipe after shutdown(); the errors of the stream below.
    /// Cancel:    returns the number of bytes that are encrypted already, also if a deadline ends the send().
    ///            Parts of a record cannot be taken back: another operation, or the next one, sends the rest.
    description<std::size_t> send(const_buffer buffer) {
        return begin<std::size_t>([&](auto&&... of) { return connection::send(std::move(of)..., buffer); });
    }
    description<std::size_t> send(const_buffers buffers) {
        return begin<std::size_t>([&](auto&&... of) { return connection::send(std::move(of)..., buffers); });
    }

    /// Sends close_notify, so that the peer reads the end of the stream. Receiving still works. Does not wait
    /// for the peer's close_notify. Fails with error::timed_out if it cannot be sent within `limit`, because
    /// the peer does not read. It then stays queued, and the next operation sends it.
    description<void> shutdown(steady_clock::duration limit = std::chrono::seconds(10)) {
        return begin<void>([&](auto&&... of) { return connection::shutdown(std::move(of)..., limit); });
    }

    /// Cancels pending operations, sends close_notify, waits for the peer's close_notify, and closes the
    /// stream below. After `limit`, closes without waiting any longer; close(0s) does not wait at all. Bytes
    /// that arrive meanwhile are discarded.
    ///
    /// The wait makes sure that the peer receives everything. If a socket is closed while it has unread
    /// bytes, which may be tickets of TLS 1.3, the kernel resets the connection, and the peer may lose bytes.
    ///
    /// Errors:  operation_aborted if the task is stopped. The stream below is closed in any case.
    description<void> close(steady_clock::duration limit = std::chrono::seconds(1)) {
        if (!is_open())
            return {nullptr, nothing()};
        return {nullptr, connection::close(connection_, limit)};
    }

    /// Cancels all pending operations; they end with operation_aborted.
    void cancel() noexcept {
        if (connection_)
            connection_->cancel();
    }

    /// Waits until recv() or send() would not wait. Unlike readiness of the stream below, wait_read means
    /// that plaintext, the end or an error is there. Takes the reader's place meanwhile.
    description<wait_type> wait(wait_type wanted) {
        return begin<wait_type>([&](auto&&... of) { return connection::wait(std::move(of)..., wanted); });
    }

    /// Returns the protocol that both sides have agreed on, or an empty text if there is none.
    [[nodiscard]] std::string_view alpn() const noexcept { return state().tls.alpn(); }
    [[nodiscard]] tls::version version() const noexcept { return state().tls.version(); }
    /// Returns OpenSSL's name of the cipher.
    [[nodiscard]] std::string_view cipher() const noexcept { return state().tls.cipher(); }
    /// Returns the name that the client has sent (SNI), or an empty text.
    [[nodiscard]] std::string_view server_name() const noexcept { return state().tls.server_name(); }
    [[nodiscard]] bool session_resumed() const noexcept { return state().tls.session_resumed(); }
    /// Returns true if the stream below has ended without the peer's close_notify.
    [[nodiscard]] bool was_truncated() const noexcept { return state().was_truncated(); }
    /// Returns the peer's certificate, followed by the others that it has shown. Empty if there is none: for
    /// example, on a server that does not ask clients for certificates. If a session was resumed, the other
    /// certificates may be missing.
    [[nodiscard]] std::vector<certificate> peer_certificates() const {
        return state().tls.peer_certificates();
    }

    [[nodiscard]] auto local_endpoint() const
        requires requires(const Stream& below) { below.local_endpoint(); }
    {
        return state().inner.local_endpoint();
    }
    [[nodiscard]] auto remote_endpoint() const
        requires requires(const Stream& below) { below.remote_endpoint(); }
    {
        return state().inner.remote_endpoint();
    }

    /// Returns the stream below. Do not receive or send on it.
    [[nodiscard]] Stream& next_layer() noexcept { return state().inner; }
    /// Returns OpenSSL's SSL, for functions that coil does not have.
    [[nodiscard]] ssl_st* native_handle() const noexcept { return state().tls.native_handle(); }

private:
    [[nodiscard]] connection& state() const noexcept {
        COIL_PRECONDITION(connection_, "tls::stream: the stream is empty or was moved from");
        return *connection_;
    }

    template <class T, class Make>
    description<T> begin(Make make) {
        if (!is_open())
            return {nullptr, refused<T>()};
        coil::detail::tls_start* start = nullptr;
        task<T> made =
            make(std::shared_ptr(connection_), coil::detail::tls_start(connection_->waits(), start));
        return {start, std::move(made)};
    }
    template <class T>
    static task<T> refused() {
        coil::detail::throw_failure(coil::detail::system_error_code(EBADF), "tls: the stream is closed", true,
                                    0);
        co_return T();
    }
    static task<void> nothing() { co_return; }

    void abandon() noexcept {
        cancel();
        connection_.reset();
    }

    std::shared_ptr<connection> connection_;
};

/// Performs the handshake of a client, and verifies that the server's certificate is trusted and is for
/// `host`, a DNS name or an IP address.
///
///     coil::tls::client_context context;
///     auto stream = co_await coil::tls::connect(std::move(socket), context, "example.org");
///
/// Completes: with the stream, after the handshake.
/// Errors:    a tls::error, whose text contains the host, the subject of the certificate and OpenSSL's
///            reason; timed_out; the errors of the stream below. The stream below is then closed.
/// Cancel:    closes the stream below.
template <coil::stream Stream>
task<stream<Stream>> connect(Stream below, client_context context, std::string host,
                             connection_options how = {});
/// Like the function above, but verifies nothing.
template <coil::stream Stream>
task<stream<Stream>> connect(Stream below, client_context context, unverified host,
                             connection_options how = {});

/// Performs the handshake of a server.
///
/// Completes: with the stream, after the handshake.
/// Errors:    a tls::error, timed_out, or an error of the stream below. The stream below is then closed.
/// Cancel:    closes the stream below.
template <coil::stream Stream>
task<stream<Stream>> accept(Stream below, server_context context, connection_options how = {});

// Implementation

template <coil::stream Stream>
task<stream<Stream>> connect(Stream below, client_context context, std::string host, connection_options how) {
    if (host.empty())
        coil::detail::throw_failure(std::make_error_code(std::errc::invalid_argument),
                                    "tls: connect: the name of the host is empty; to verify nothing, pass "
                                    "coil::tls::unverified()");
    auto made = co_await coil::detail::tls_connection<Stream>::establish(
        std::move(below), context.state(), coil::detail::tls_engine::role::client, std::move(host), true,
        how.tolerates_truncation, how.handshake_limit);
    co_return stream<Stream>(std::move(made));
}

template <coil::stream Stream>
task<stream<Stream>> connect(Stream below, client_context context, unverified host, connection_options how) {
    auto made = co_await coil::detail::tls_connection<Stream>::establish(
        std::move(below), context.state(), coil::detail::tls_engine::role::client, host.name(), false,
        how.tolerates_truncation, how.handshake_limit);
    co_return stream<Stream>(std::move(made));
}

template <coil::stream Stream>
task<stream<Stream>> accept(Stream below, server_context context, connection_options how) {
    auto made = co_await coil::detail::tls_connection<Stream>::establish(
        std::move(below), context.state(), coil::detail::tls_engine::role::server, std::string(), true,
        how.tolerates_truncation, how.handshake_limit);
    co_return stream<Stream>(std::move(made));
}

}  // namespace coil::COIL_ABI::tls
