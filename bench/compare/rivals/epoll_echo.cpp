// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP echo server on epoll that uses recv and send. All connections share one buffer. After a partial send,
// the connection keeps the unsent bytes, and the server receives nothing more from that connection until they
// have been sent.

#include <array>
#include <vector>

#include "support/epoll.hpp"
#include "support/serve.hpp"

namespace compare {
namespace {

class echo_server {
public:
    explicit echo_server(int listener) : listener_(listener) { epoll_.add(listener, EPOLLIN, nullptr); }

    void iterate() {
        for (const epoll_event& each: epoll_.wait()) {
            if (each.data.ptr == nullptr)
                accept();
            else if (auto& peer = *static_cast<connection*>(each.data.ptr); !advance(peer)) {
                ::close(peer.fd);
                delete &peer;
            }
        }
    }

private:
    struct connection {
        int fd;
        std::vector<std::byte> kept = {};
    };

    void accept() {
        for (;;) {
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0)
                return;
            epoll_.add(fd, EPOLLIN, new connection{fd});
        }
    }

    // Echoes the next bytes of this connection, or sends its unsent bytes. Returns false if the connection
    // has ended.
    bool advance(connection& peer) { return peer.kept.empty() ? echo(peer) : send_kept(peer); }

    bool echo(connection& peer) {
        const auto received = ::recv(peer.fd, buffer_.data(), buffer_.size(), 0);
        if (received <= 0)
            return received < 0 && would_block();
        auto sent = ::send(peer.fd, buffer_.data(), static_cast<std::size_t>(received), MSG_NOSIGNAL);
        if (sent < 0 && !would_block())
            return false;
        sent = sent < 0 ? 0 : sent;
        if (sent < received) {
            peer.kept.assign(buffer_.data() + sent, buffer_.data() + received);
            epoll_.modify(peer.fd, EPOLLOUT, &peer);
        }
        return true;
    }

    bool send_kept(connection& peer) {
        const auto sent = ::send(peer.fd, peer.kept.data(), peer.kept.size(), MSG_NOSIGNAL);
        if (sent < 0)
            return would_block();
        peer.kept.erase(peer.kept.begin(), peer.kept.begin() + sent);
        if (peer.kept.empty())
            epoll_.modify(peer.fd, EPOLLIN, &peer);
        return true;
    }

    int listener_;
    epoll epoll_;
    std::array<std::byte, 65536> buffer_;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) {
    return compare::serve_tcp<compare::echo_server>(argc, argv, SOCK_NONBLOCK);
}
