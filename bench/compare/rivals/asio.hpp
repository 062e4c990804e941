// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio.hpp>

#include "support/arguments.hpp"
#include "support/failure.hpp"

/// The Boost.Asio servers use Asio's fastest configuration: one thread with a concurrency hint of 1, a
/// concrete executor type in sockets and coroutines, and errors as return values. Asio uses epoll, or
/// io_uring if the build selects that.
namespace compare {

namespace asio = boost::asio;

using executor = asio::io_context::executor_type;
using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, executor>;
using tcp_acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using udp_socket = asio::basic_datagram_socket<asio::ip::udp, executor>;
using task = asio::awaitable<void, executor>;

/// Makes an await return a tuple whose first element is the error.
inline constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable_t<executor>());

template <class Socket>
void announce(const Socket& socket) {
    std::printf("listening on 127.0.0.1:%u\n", socket.local_endpoint().port());
    std::fflush(stdout);
}

/// A TCP server that runs until it is killed. It serves each client with a coroutine or with callbacks.
///
///     serve_tcp(given, coroutine, start_callbacks);
///
/// `coroutine(socket, buffer_size)` returns a task, and `start_callbacks(socket, buffer_size)` starts the
/// first callback.
template <class Coroutine, class StartCallbacks>
class tcp_server {
public:
    tcp_server(const arguments& given, Coroutine coroutine, StartCallbacks start_callbacks)
        : callbacks_(given.given("--callbacks")),
          buffer_size_(given.number<std::size_t>("--buffer", 1, std::size_t{1} << 24)),
          coroutine_(coroutine),
          start_callbacks_(start_callbacks),
          context_(1),
          acceptor_(context_, {asio::ip::address_v4::loopback(), given.port()}) {
        acceptor_.set_option(asio::ip::tcp::no_delay(true));  // connections inherit this option
    }

    void run() {
        announce(acceptor_);
        if (callbacks_)
            accept();
        else
            asio::co_spawn(context_, accept_all(), asio::detached);
        context_.run();
    }

private:
    task accept_all() {
        for (;;) {
            auto [error, socket] = co_await acceptor_.async_accept(as_tuple);
            if (!error)
                asio::co_spawn(context_, coroutine_(tcp_socket(std::move(socket)), buffer_size_),
                               asio::detached);
        }
    }

    void accept() {
        acceptor_.async_accept([this](boost::system::error_code error, tcp_socket socket) {
            if (!error)
                start_callbacks_(std::move(socket), buffer_size_);
            accept();
        });
    }

    bool callbacks_;
    std::size_t buffer_size_;
    Coroutine coroutine_;
    StartCallbacks start_callbacks_;
    asio::io_context context_;
    tcp_acceptor acceptor_;
};

inline arguments asio_arguments(int argc, char** argv, const char* buffer_size = "16384") {
    return {argc,
            argv,
            {{"--port", "0", "port to listen on; 0: any free port"},
             {"--callbacks", "no", "use callbacks instead of coroutines"},
             {"--buffer", buffer_size, "bytes of the buffer of each connection"}}};
}

}  // namespace compare
