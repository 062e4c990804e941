// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP server on Boost.Asio that sends endlessly. Each connection does one large write after another, from a
// buffer that all connections share.

#include <vector>

#include "rivals/asio.hpp"
#include "support/chargen.hpp"

namespace compare {
namespace {

const std::vector<std::byte>& bytes() {
    static const std::vector<std::byte> made = chargen_bytes();
    return made;
}

task generate(tcp_socket peer, std::size_t) {
    for (;;) {
        const auto [error, sent] = co_await asio::async_write(peer, asio::buffer(bytes()), as_tuple);
        if (error)
            co_return;
    }
}

class connection : public std::enable_shared_from_this<connection> {
public:
    explicit connection(tcp_socket peer) : peer_(std::move(peer)) {}

    void write() {
        asio::async_write(peer_, asio::buffer(bytes()), [self = shared_from_this()](auto error, std::size_t) {
            if (!error)
                self->write();
        });
    }

private:
    tcp_socket peer_;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) try {
    compare::tcp_server server(compare::asio_arguments(argc, argv), compare::generate,
                               [](compare::tcp_socket peer, std::size_t) {
                                   std::make_shared<compare::connection>(std::move(peer))->write();
                               });
    server.run();
} catch (...) {
    return compare::explain_failure();
}
