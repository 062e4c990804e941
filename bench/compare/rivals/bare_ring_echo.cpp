// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The fastest TCP echo server on bare liburing that we know how to write. It uses multishot accept, and
// multishot receives into a pool that all connections share. It sends directly while few connections are
// active, and through the ring while many connections are active. On kernels before 6.12, each completion
// uses up a pool entry. On these kernels, a second pool with large entries serves connections that have more
// bytes in flight than a small entry holds.

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

    void iterate() {
        ring_.iterate([this](const io_uring_cqe& cqe) { dispatch(cqe); });
        if (entry_returned_)
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
        bool changing = false;  // true while the receive is being cancelled in order to change the pool
        unsigned small_chunks = 0;
        bool sending = false;
        bool finished = false;            // the peer has stopped sending
        std::vector<chunk> to_send = {};  // the first chunk is being sent
    };

    // A tag is the address of a connection. If the lowest bit is set, the operation is a send.
    static constexpr std::uint64_t accepts = 0;
    static constexpr std::uint64_t is_send = 1;
    static constexpr std::uint64_t is_cancel = ~std::uint64_t{0};
    static constexpr unsigned small_chunks_max = 8;
    static std::uint64_t tag_of(const connection& peer) { return reinterpret_cast<std::uintptr_t>(&peer); }

    void dispatch(const io_uring_cqe& cqe) {
        if (cqe.user_data == accepts)
            return accepted(cqe);
        if (cqe.user_data == is_cancel)
            return;
        auto& peer = *reinterpret_cast<connection*>(cqe.user_data & ~is_send);
        if (cqe.user_data & is_send)
            sent(peer, cqe);
        else
            received(peer, cqe);
        if (peer.finished && !peer.sending && !peer.receiving) {
            ::close(peer.fd);
            delete &peer;
        }
    }

    void accept() { prepare_accept(ring_, listener_, accepts); }

    void accepted(const io_uring_cqe& cqe) {
        if (cqe.res >= 0)
            receive(*new connection{cqe.res, &pool_});
        if (!(cqe.flags & IORING_CQE_F_MORE))
            accept();
    }

    void receive(connection& peer) {
        prepare_receive(ring_, peer.fd, tag_of(peer), *peer.pool);
        peer.receiving = true;
    }

    void received(connection& peer, const io_uring_cqe& cqe) {
        peer.receiving = cqe.flags & IORING_CQE_F_MORE;
        if (cqe.flags & IORING_CQE_F_BUFFER) {
            const chunk piece{peer.pool->take(cqe), peer.pool};
            if (bulk_ && peer.receiving && !peer.changing)
                choose_pool(peer, piece.size);
            if (cqe.res > 0 && !peer.finished)
                echo(peer, piece);
            else
                give_back(piece);
        }
        const bool ended = !peer.receiving;
        // Change the pool no matter why the receive has ended. The pool may have become empty before the
        // cancel took effect.
        const bool changes = ended && std::exchange(peer.changing, false);
        if (changes)
            peer.pool = peer.pool == &pool_ ? &*bulk_ : &pool_;
        if (cqe.res == -ENOBUFS && !peer.finished) {
            peer.receiving = true;  // receive_again() restarts the receive when the pool has an entry
            waiting_.push_back(&peer);
        } else if (cqe.res <= 0 && !(changes && cqe.res == -ECANCELED)) {
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
            peer.changing = (peer.small_chunks = small ? peer.small_chunks + 1 : 0) >= small_chunks_max;
        if (!peer.changing)
            return;
        peer.small_chunks = 0;
        io_uring_sqe* sqe = ring_.next();
        io_uring_prep_cancel64(sqe, tag_of(peer), 0);
        sqe->user_data = is_cancel;
    }

    void echo(connection& peer, chunk piece) {
        // If an iteration has few completions, a direct send is cheaper, because it saves an extra iteration
        // of the ring. If an iteration has many completions, sending through the ring is cheaper, because all
        // these sends share one system call.
        if (ring_.batch_size() <= 2 && !peer.sending) {
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

    void sent(connection& peer, const io_uring_cqe& cqe) {
        peer.sending = false;
        chunk& first = peer.to_send.front();
        if (cqe.res < 0) {
            abandon(peer);
        } else if (static_cast<unsigned>(cqe.res) < first.size) {
            first.data += cqe.res;
            first.size -= static_cast<unsigned>(cqe.res);
        } else {
            give_back(first);
            peer.to_send.erase(peer.to_send.begin());
        }
        if (!peer.to_send.empty())
            send(peer);
    }

    // Discards the unsent chunks and stops receiving from the peer, because the peer no longer accepts data.
    void abandon(connection& peer) {
        for (const chunk& each: peer.to_send)
            give_back(each);
        peer.to_send.clear();
        peer.finished = true;
        ::shutdown(peer.fd, SHUT_RDWR);  // ends the receive
    }

    void give_back(const chunk& piece) { entry_returned_ |= piece.pool->give_back(piece); }

    void receive_again() {
        entry_returned_ = false;
        for (connection* each: std::exchange(waiting_, {}))
            receive(*each);
    }

    int listener_;
    bare_ring ring_;
    buffer_pool pool_{ring_};
    std::optional<buffer_pool> bulk_;   // used only if pool_ is not incremental
    std::vector<connection*> waiting_;  // connections that found the pool empty
    bool entry_returned_ = false;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) { return compare::serve_tcp<compare::echo_server>(argc, argv); }
