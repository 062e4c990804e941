// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP echo server on bare liburing, the best that we know to write: multishot accept, multishot receives into a pool
// that all connections share, and sends that are direct where few connections talk and go through the ring where many do.
// Before 6.12, where each answer takes an entry of the pool, there is a second one of large entries, for those who have more
// in flight than a common one takes.

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "support/buffer_pool.hpp"
#include "support/serve.hpp"
#include "support/sockets.hpp"

namespace compare {
namespace {

class echo_server {
public:
    explicit echo_server(int listener) : listener_(listener) {
        if (!pool_.is_incremental())
            bulk_.emplace(ring_, buffer_pool::kind::bulk);
        accept();
    }

    void turn() {
        ring_.turn([this](const io_uring_cqe& answer) { dispatch(answer); });
        if (entry_came_back_)
            receive_again();
    }

private:
    struct chunk : buffer_pool::chunk {
        buffer_pool* pool;
    };

    struct connection {
        int fd;
        buffer_pool* pool;
        bool receiving = false;
        bool changing = false;  // the pool: the receive is being cancelled
        unsigned small_ones = 0;
        bool sending = false;
        bool finished = false;            // the peer sends no more
        std::vector<chunk> to_send = {};  // the first one is being sent
    };

    // An answer's tag is the connection's address; the lowest bit tells a send from a receive.
    static constexpr std::uint64_t accepts = 0;
    static constexpr std::uint64_t is_send = 1;
    static constexpr std::uint64_t is_cancel = ~std::uint64_t{0};
    static constexpr unsigned small_ones_max = 8;
    static std::uint64_t tag_of(const connection& peer) { return reinterpret_cast<std::uintptr_t>(&peer); }

    void dispatch(const io_uring_cqe& answer) {
        if (answer.user_data == accepts)
            return accepted(answer);
        if (answer.user_data == is_cancel)
            return;
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

    void accept() { prepare_accept(ring_, listener_, accepts); }

    void accepted(const io_uring_cqe& answer) {
        if (answer.res >= 0)
            receive(*new connection{answer.res, &pool_});
        if (!(answer.flags & IORING_CQE_F_MORE))
            accept();
    }

    void receive(connection& peer) {
        prepare_receive(ring_, peer.fd, tag_of(peer), *peer.pool);
        peer.receiving = true;
    }

    void received(connection& peer, const io_uring_cqe& answer) {
        peer.receiving = answer.flags & IORING_CQE_F_MORE;
        if (answer.flags & IORING_CQE_F_BUFFER) {
            const chunk piece{peer.pool->take(answer), peer.pool};
            if (bulk_ && peer.receiving && !peer.changing)
                choose_pool(peer, piece.size);
            if (answer.res > 0 && !peer.finished)
                echo(peer, piece);
            else
                give_back(piece);
        }
        const bool ended = !peer.receiving;
        // However it ended: the pool may have been empty before the cancel came.
        const bool changes = ended && std::exchange(peer.changing, false);
        if (changes)
            peer.pool = peer.pool == &pool_ ? &*bulk_ : &pool_;
        if (answer.res == -ENOBUFS && !peer.finished) {
            peer.receiving = true;  // it will be, when the pool has an entry again
            starved_.push_back(&peer);
        } else if (answer.res <= 0 && !(changes && answer.res == -ECANCELED)) {
            peer.finished = true;
        } else if (ended && !peer.finished) {
            receive(peer);
        }
    }

    void choose_pool(connection& peer, unsigned size) {
        const bool small = size <= pool_.entry_size();
        if (peer.pool == &pool_)
            peer.changing = size == pool_.entry_size() && peer.to_send.size() >= 2;
        else
            peer.changing = (peer.small_ones = small ? peer.small_ones + 1 : 0) >= small_ones_max;
        if (!peer.changing)
            return;
        peer.small_ones = 0;
        io_uring_sqe* sqe = ring_.next();
        io_uring_prep_cancel64(sqe, tag_of(peer), 0);
        sqe->user_data = is_cancel;
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

    void give_back(const chunk& piece) { entry_came_back_ |= piece.pool->give_back(piece); }

    void receive_again() {
        entry_came_back_ = false;
        for (connection* each: std::exchange(starved_, {}))
            receive(*each);
    }

    int listener_;
    bare_ring ring_;
    buffer_pool pool_{ring_};
    std::optional<buffer_pool> bulk_;   // where entries are not filled piece by piece
    std::vector<connection*> starved_;  // those that found the pool empty
    bool entry_came_back_ = false;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) { return compare::serve_tcp<compare::echo_server>(argc, argv); }
