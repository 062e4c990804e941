// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP server on bare liburing that receives and forgets: multishot receives into a pool that all connections share.

#include <cstdint>

#include "support/buffer_pool.hpp"
#include "support/serve.hpp"
#include "support/sockets.hpp"

namespace compare {
namespace {

class discard_server {
public:
    explicit discard_server(int listener) : listener_(listener) { accept(); }

    void turn() {
        ring_.turn([this](const io_uring_cqe& answer) {
            if (answer.user_data == accepts)
                accepted(answer);
            else
                received(static_cast<int>(answer.user_data), answer);
        });
    }

private:
    // Any other tag is the connection's descriptor.
    static constexpr std::uint64_t accepts = ~std::uint64_t{0};

    void accept() { prepare_accept(ring_, listener_, accepts); }

    void accepted(const io_uring_cqe& answer) {
        if (answer.res >= 0)
            prepare_receive(ring_, answer.res, static_cast<std::uint64_t>(answer.res), pool_);
        if (!(answer.flags & IORING_CQE_F_MORE))
            accept();
    }

    void received(int peer, const io_uring_cqe& answer) {
        if (answer.flags & IORING_CQE_F_BUFFER)
            pool_.give_back(pool_.take(answer));
        if (answer.flags & IORING_CQE_F_MORE)
            return;
        // Nobody holds a buffer for longer than an answer takes: the pool is never empty for long.
        if (answer.res > 0 || answer.res == -ENOBUFS)
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
