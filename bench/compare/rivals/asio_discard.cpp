// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP server on Boost.Asio that discards everything it receives.

#include <vector>

#include "rivals/asio.hpp"

namespace compare {
namespace {

task discard(tcp_socket peer, std::size_t buffer_size) {
    std::vector<std::byte> buffer(buffer_size);
    for (;;) {
        const auto [error, received] = co_await peer.async_read_some(asio::buffer(buffer), as_tuple);
        if (error)
            co_return;
    }
}

class connection : public std::enable_shared_from_this<connection> {
public:
    connection(tcp_socket peer, std::size_t buffer_size) : peer_(std::move(peer)), buffer_(buffer_size) {}

    void read() {
        peer_.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](auto error, std::size_t) {
            if (!error)
                self->read();
        });
    }

private:
    tcp_socket peer_;
    std::vector<std::byte> buffer_;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) try {
    compare::tcp_server server(
        compare::asio_arguments(argc, argv, "262144"), compare::discard,
        [](compare::tcp_socket peer, std::size_t buffer_size) {
            std::make_shared<compare::connection>(std::move(peer), buffer_size)->read();
        });
    server.run();
} catch (...) {
    return compare::explain_failure();
}
