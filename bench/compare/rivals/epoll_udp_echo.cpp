// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A UDP echo server on epoll. It receives all available datagrams with recvmmsg and sends them back with
// sendmmsg.

#include <array>

#include "support/epoll.hpp"
#include "support/serve.hpp"

namespace compare {
namespace {

class echo_server {
public:
    explicit echo_server(int socket) : socket_(socket) {
        epoll_.add(socket, EPOLLIN, nullptr);
        for (std::size_t i = 0; i < messages_.size(); ++i) {
            msghdr& each = messages_[i].msg_hdr;
            each.msg_name = &senders_[i];
            each.msg_iov = &buffers_[i];
            each.msg_iovlen = 1;
        }
    }

    void iterate() {
        epoll_.wait();
        for (std::size_t i = 0; i < messages_.size(); ++i) {
            messages_[i].msg_hdr.msg_namelen = sizeof senders_[i];
            buffers_[i] = {bytes_[i].data(), bytes_[i].size()};
        }
        const int received = ::recvmmsg(socket_, messages_.data(), static_cast<unsigned>(messages_.size()),
                                        MSG_DONTWAIT, nullptr);
        for (int i = 0; i < received; ++i)
            buffers_[static_cast<std::size_t>(i)].iov_len = messages_[static_cast<std::size_t>(i)].msg_len;
        for (int sent = 0; sent < received;) {
            const int more = ::sendmmsg(socket_, &messages_[static_cast<std::size_t>(sent)],
                                        static_cast<unsigned>(received - sent), 0);
            sent += more > 0 ? more : 1;  // skips a datagram that cannot be sent
        }
    }

private:
    static constexpr std::size_t batch_max = 64;

    int socket_;
    epoll epoll_;
    std::array<mmsghdr, batch_max> messages_{};
    std::array<sockaddr_in, batch_max> senders_;
    std::array<iovec, batch_max> buffers_;
    std::array<std::array<std::byte, 16384>, batch_max> bytes_;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) { return compare::serve_udp<compare::echo_server>(argc, argv); }
