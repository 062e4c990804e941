// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP server on bare liburing that discards everything it receives. It uses multishot receives into a pool
// that all connections share.

#include <cstdint>

#include "support/buffer_pool.hpp"
#include "support/serve.hpp"
#include "support/sockets.hpp"

namespace compare {
namespace {

class discard_server {
public:
    explicit discard_server(int listener) : listener_(listener) { accept(); }

    void iterate() {
        ring_.iterate([this](const io_uring_cqe& cqe) {
            if (cqe.user_data == accepts)
                accepted(cqe);
            else
                received(static_cast<int>(cqe.user_data), cqe);
        });
    }

private:
    // The tag of the accept operation. Any other tag is a connection's descriptor.
    static constexpr std::uint64_t accepts = ~std::uint64_t{0};

    void accept() { prepare_accept(ring_, listener_, accepts); }

    void accepted(const io_uring_cqe& cqe) {
        if (cqe.res >= 0)
            prepare_receive(ring_, cqe.res, static_cast<std::uint64_t>(cqe.res), pool_);
        if (!(cqe.flags & IORING_CQE_F_MORE))
            accept();
    }

    void received(int peer, const io_uring_cqe& cqe) {
        if (cqe.flags & IORING_CQE_F_BUFFER)
            pool_.give_back(pool_.take(cqe));
        if (cqe.flags & IORING_CQE_F_MORE)
            return;
        // The receive has ended, possibly because the pool was empty. Each buffer is released as soon as its
        // completion has been handled, so the pool is never empty for long.
        if (cqe.res > 0 || cqe.res == -ENOBUFS)
            prepare_receive(ring_, peer, static_cast<std::uint64_t>(peer), pool_);
        else
            ::close(peer);
    }

    int listener_;
    bare_ring ring_;
    buffer_pool pool_{ring_};
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) { return compare::serve_tcp<compare::discard_server>(argc, argv); }
