// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A UDP echo server on bare liburing. It uses one multishot recvmsg into a pool. If an iteration brings only
// a few datagrams, it sends the replies directly; otherwise, it sends them through the ring.

#include <cstdint>
#include <vector>

#include "support/buffer_pool.hpp"
#include "support/serve.hpp"
#include "support/sockets.hpp"

namespace compare {
namespace {

class echo_server {
public:
    explicit echo_server(int socket) : socket_(socket) {
        layout_.msg_namelen = sizeof(sockaddr_in);
        receive();
    }

    void iterate() {
        ring_.iterate([this](const io_uring_cqe& cqe) {
            if (cqe.user_data == receives)
                received(cqe);
            else
                sent(cqe);
        });
    }

private:
    static constexpr std::uint64_t receives = ~std::uint64_t{0};

    void receive() {
        io_uring_sqe* sqe = ring_.next();
        io_uring_prep_recvmsg_multishot(sqe, socket_, &layout_, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = pool_.group();
        sqe->user_data = receives;
    }

    void received(const io_uring_cqe& cqe) {
        if (cqe.flags & IORING_CQE_F_BUFFER)
            echo(pool_.take(cqe));
        // If the receive has ended because the pool is empty, the buffers that are being sent will be
        // returned soon, because their sends are submitted before the new receive.
        if (!(cqe.flags & IORING_CQE_F_MORE))
            receive();
    }

    void echo(buffer_pool::chunk piece) {
        // A buffer contains a header, the sender's address and the datagram.
        auto* header = io_uring_recvmsg_validate(const_cast<std::byte*>(piece.data),
                                                 static_cast<int>(piece.size), &layout_);
        if (header == nullptr || header->namelen > layout_.msg_namelen || (header->flags & MSG_TRUNC)) {
            pool_.give_back(piece);
            return;
        }
        const auto* from = static_cast<const sockaddr*>(io_uring_recvmsg_name(header));
        const void* data = io_uring_recvmsg_payload(header, &layout_);
        const std::size_t size =
            io_uring_recvmsg_payload_length(header, static_cast<int>(piece.size), &layout_);
        if (ring_.batch_size() <= 2 &&
            (::sendto(socket_, data, size, MSG_DONTWAIT, from, header->namelen) >= 0 || errno != EAGAIN)) {
            pool_.give_back(piece);
            return;
        }
        io_uring_sqe* sqe = ring_.next();
        io_uring_prep_send(sqe, socket_, data, size, 0);
        io_uring_prep_send_set_addr(sqe, from, static_cast<__u16>(header->namelen));
        sqe->user_data = place_of(piece);
    }

    void sent(const io_uring_cqe& cqe) {  // if the send has failed, the datagram is lost
        pool_.give_back(sending_[cqe.user_data]);
        free_.push_back(cqe.user_data);
    }

    std::uint64_t place_of(const buffer_pool::chunk& piece) {
        if (free_.empty()) {
            free_.push_back(sending_.size());
            sending_.emplace_back();
        }
        const std::uint64_t place = free_.back();
        free_.pop_back();
        sending_[place] = piece;
        return place;
    }

    int socket_;
    bare_ring ring_;
    buffer_pool pool_{ring_, buffer_pool::kind::classic};
    msghdr layout_{};
    std::vector<buffer_pool::chunk> sending_;
    std::vector<std::uint64_t> free_;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) { return compare::serve_udp<compare::echo_server>(argc, argv); }
