// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A simple TCP echo server on bare liburing. Each connection has a buffer that it receives into and sends
// from.

#include <array>
#include <cstdint>

#include "support/bare_ring.hpp"
#include "support/serve.hpp"
#include "support/sockets.hpp"

namespace compare {
namespace {

class echo_server {
public:
    explicit echo_server(int listener) : listener_(listener) { accept(); }

    void iterate() {
        ring_.iterate([this](const io_uring_cqe& cqe) { dispatch(cqe); });
    }

private:
    struct connection {
        int fd;
        bool sending = false;
        unsigned begin = 0, end = 0;  // the range of the buffer that has not been sent yet
        std::array<std::byte, 16384> buffer;
    };

    void dispatch(const io_uring_cqe& cqe) {
        if (cqe.user_data == 0)
            return accepted(cqe);
        auto& peer = *reinterpret_cast<connection*>(cqe.user_data);
        const bool ended = peer.sending ? cqe.res < 0 : cqe.res <= 0;
        if (ended) {
            ::close(peer.fd);
            delete &peer;
            return;
        }
        if (!peer.sending) {
            peer.begin = 0;
            peer.end = static_cast<unsigned>(cqe.res);
        } else {
            peer.begin += static_cast<unsigned>(cqe.res);
        }
        if (peer.begin < peer.end)
            send(peer);
        else
            receive(peer);
    }

    void accept() { prepare_accept(ring_, listener_, 0); }

    void accepted(const io_uring_cqe& cqe) {
        if (cqe.res >= 0) {
            auto* peer = new connection;
            peer->fd = cqe.res;
            receive(*peer);
        }
        if (!(cqe.flags & IORING_CQE_F_MORE))
            accept();
    }

    void receive(connection& peer) {
        peer.sending = false;
        io_uring_sqe* sqe = ring_.next();
        io_uring_prep_recv(sqe, peer.fd, peer.buffer.data(), peer.buffer.size(), 0);
        sqe->user_data = reinterpret_cast<std::uintptr_t>(&peer);
    }

    void send(connection& peer) {
        peer.sending = true;
        prepare_send(ring_, peer.fd, peer.buffer.data() + peer.begin, peer.end - peer.begin,
                     reinterpret_cast<std::uintptr_t>(&peer));
    }

    int listener_;
    bare_ring ring_;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) { return compare::serve_tcp<compare::echo_server>(argc, argv); }
