// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A UDP echo server on Boost.Asio that uses a coroutine or callbacks.

#include <array>

#include "rivals/asio.hpp"

namespace compare {
namespace {

class echo_server {
public:
    explicit echo_server(const arguments& given)
        : callbacks_(given.given("--callbacks")),
          context_(1),
          socket_(context_, {asio::ip::address_v4::loopback(), given.port()}) {}

    void run() {
        announce(socket_);
        if (callbacks_)
            receive();
        else
            asio::co_spawn(context_, echo(), asio::detached);
        context_.run();
    }

private:
    task echo() {
        for (;;) {
            const auto [error, size] =
                co_await socket_.async_receive_from(asio::buffer(buffer_), from_, as_tuple);
            if (!error)
                co_await socket_.async_send_to(asio::buffer(buffer_.data(), size), from_, as_tuple);
        }
    }

    void receive() {
        socket_.async_receive_from(asio::buffer(buffer_), from_, [this](auto error, std::size_t size) {
            if (error)
                receive();
            else
                send(size);
        });
    }

    void send(std::size_t size) {
        socket_.async_send_to(asio::buffer(buffer_.data(), size), from_,
                              [this](auto, std::size_t) { receive(); });
    }

    bool callbacks_;
    asio::io_context context_;
    udp_socket socket_;
    asio::ip::udp::endpoint from_;
    std::array<std::byte, 65536> buffer_;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) try {
    compare::echo_server(compare::asio_arguments(argc, argv)).run();
} catch (...) {
    return compare::explain_failure();
}
