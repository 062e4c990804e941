// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP echo server on Boost.Asio that uses coroutines or callbacks. Each connection has its own buffer.

#include <vector>

#include "rivals/asio.hpp"

namespace compare {
namespace {

task echo(tcp_socket peer, std::size_t buffer_size) {
    std::vector<std::byte> buffer(buffer_size);
    for (;;) {
        const auto [error, received] = co_await peer.async_read_some(asio::buffer(buffer), as_tuple);
        if (error)
            co_return;
        const auto [failed, sent] =
            co_await asio::async_write(peer, asio::buffer(buffer.data(), received), as_tuple);
        if (failed)
            co_return;
    }
}

class connection : public std::enable_shared_from_this<connection> {
public:
    connection(tcp_socket peer, std::size_t buffer_size) : peer_(std::move(peer)), buffer_(buffer_size) {}

    void read() {
        peer_.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](auto error, std::size_t n) {
            if (!error)
                self->write(n);
        });
    }

private:
    void write(std::size_t size) {
        asio::async_write(peer_, asio::buffer(buffer_.data(), size),
                          [self = shared_from_this()](auto error, std::size_t) {
                              if (!error)
                                  self->read();
                          });
    }

    tcp_socket peer_;
    std::vector<std::byte> buffer_;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) try {
    compare::tcp_server server(
        compare::asio_arguments(argc, argv), compare::echo,
        [](compare::tcp_socket peer, std::size_t buffer_size) {
            std::make_shared<compare::connection>(std::move(peer), buffer_size)->read();
        });
    server.run();
} catch (...) {
    return compare::explain_failure();
}
