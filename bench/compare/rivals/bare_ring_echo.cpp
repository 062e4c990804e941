// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP echo server on bare liburing, the best that we know to write: multishot accept, multishot receives into a pool
// that all connections share, and sends that are direct where few connections talk and go through the ring where many do.

#include <cstdint>
#include <utility>
#include <vector>

#include "support/buffer_pool.hpp"
#include "support/serve.hpp"
#include "support/sockets.hpp"

namespace compare {
namespace {

class echo_server {
public:
    explicit echo_server(int listener) : listener_(listener) { accept(); }

    void turn() {
        ring_.turn([this](const io_uring_cqe& answer) { dispatch(answer); });
        if (entry_came_back_)
            receive_again();
    }

private:
    using chunk = buffer_pool::chunk;

    struct connection {
        int fd;
        bool receiving = false;
        bool sending = false;
        bool finished = false;            // the peer sends no more
        std::vector<chunk> to_send = {};  // the first one is being sent
    };

    // An answer's tag is the connection's address; the lowest bit tells a send from a receive. 0: accept.
    static constexpr std::uint64_t is_send = 1;
    static std::uint64_t tag_of(const connection& peer) { return reinterpret_cast<std::uintptr_t>(&peer); }

    void dispatch(const io_uring_cqe& answer) {
        if (answer.user_data == 0)
            return accepted(answer);
        auto& peer = *reinterpret_cast<connection*>(answer.user_data & ~is_send);
        if (answer.user_data & is_send)
            sent(peer, answer);
        else
            received(peer, answer);
        if (peer.finished && !peer.sending && !peer.receiving) {
            ::close(peer.fd);
            delete &peer;
        }
    }

    void accept() { prepare_accept(ring_, listener_, 0); }

    void accepted(const io_uring_cqe& answer) {
        if (answer.res >= 0)
            receive(*new connection{answer.res});
        if (!(answer.flags & IORING_CQE_F_MORE))
            accept();
    }

    void receive(connection& peer) {
        prepare_receive(ring_, peer.fd, tag_of(peer));
        peer.receiving = true;
    }

    void received(connection& peer, const io_uring_cqe& answer) {
        peer.receiving = answer.flags & IORING_CQE_F_MORE;
        if (answer.flags & IORING_CQE_F_BUFFER) {
            const chunk piece = pool_.take(answer);
            if (answer.res > 0 && !peer.finished)
                echo(peer, piece);
            else
                give_back(piece);
        }
        if (answer.res == -ENOBUFS && !peer.finished) {
            peer.receiving = true;  // it will be, when the pool has an entry again
            starved_.push_back(&peer);
        } else if (answer.res <= 0) {
            peer.finished = true;
        } else if (!peer.receiving && !peer.finished) {
            receive(peer);
        }
    }

    void echo(connection& peer, chunk piece) {
        // Among few answers a send through the ring costs a system call more than a direct one, among many it costs less.
        if (ring_.answers() <= 2 && !peer.sending) {
            const auto sent = ::send(peer.fd, piece.data, piece.size, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent > 0) {
                piece.data += sent;
                piece.size -= static_cast<unsigned>(sent);
            }
            if (piece.size == 0)
                return give_back(piece);
        }
        peer.to_send.push_back(piece);
        if (!peer.sending)
            send(peer);
    }

    void send(connection& peer) {
        const chunk& next = peer.to_send.front();
        prepare_send(ring_, peer.fd, next.data, next.size, tag_of(peer) | is_send);
        peer.sending = true;
    }

    void sent(connection& peer, const io_uring_cqe& answer) {
        peer.sending = false;
        chunk& first = peer.to_send.front();
        if (answer.res < 0) {
            abandon(peer);
        } else if (static_cast<unsigned>(answer.res) < first.size) {
            first.data += answer.res;
            first.size -= static_cast<unsigned>(answer.res);
        } else {
            give_back(first);
            peer.to_send.erase(peer.to_send.begin());
        }
        if (!peer.to_send.empty())
            send(peer);
    }

    // The peer takes no more: nor do we.
    void abandon(connection& peer) {
        for (const chunk& each: peer.to_send)
            give_back(each);
        peer.to_send.clear();
        peer.finished = true;
        ::shutdown(peer.fd, SHUT_RDWR);  // ends the receive
    }

    void give_back(const chunk& piece) { entry_came_back_ |= pool_.give_back(piece); }

    void receive_again() {
        entry_came_back_ = false;
        for (connection* each: std::exchange(starved_, {}))
            receive(*each);
    }

    int listener_;
    bare_ring ring_;
    buffer_pool pool_{ring_};
    std::vector<connection*> starved_;  // those that found the pool empty
    bool entry_came_back_ = false;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) { return compare::serve_tcp<compare::echo_server>(argc, argv); }
