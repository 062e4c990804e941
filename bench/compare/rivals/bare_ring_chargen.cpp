// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP server on bare liburing that sends endlessly. Each connection does one large send after another, from
// a buffer that all connections share.

#include <cstdint>
#include <vector>

#include "support/bare_ring.hpp"
#include "support/chargen.hpp"
#include "support/serve.hpp"
#include "support/sockets.hpp"

namespace compare {
namespace {

class chargen_server {
public:
    explicit chargen_server(int listener) : listener_(listener), bytes_(chargen_bytes()) { accept(); }

    void iterate() {
        ring_.iterate([this](const io_uring_cqe& cqe) {
            if (cqe.user_data == accepts)
                accepted(cqe);
            else
                sent(static_cast<int>(cqe.user_data), cqe.res);
        });
    }

private:
    // The tag of the accept operation. Any other tag is a connection's descriptor.
    static constexpr std::uint64_t accepts = ~std::uint64_t{0};

    void accept() { prepare_accept(ring_, listener_, accepts); }

    void accepted(const io_uring_cqe& cqe) {
        if (cqe.res >= 0)
            send(cqe.res);
        if (!(cqe.flags & IORING_CQE_F_MORE))
            accept();
    }

    void send(int peer) {
        prepare_send(ring_, peer, bytes_.data(), bytes_.size(), static_cast<std::uint64_t>(peer));
    }

    void sent(int peer, int size) {
        if (size == static_cast<int>(bytes_.size()))
            send(peer);
        else
            ::close(peer);  // a send is short only if the connection breaks
    }

    int listener_;
    const std::vector<std::byte> bytes_;
    bare_ring ring_;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) { return compare::serve_tcp<compare::chargen_server>(argc, argv); }
