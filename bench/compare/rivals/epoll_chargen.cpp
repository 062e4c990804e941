// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP server on epoll that sends endlessly. Each send transfers as much as the socket accepts.

#include <vector>

#include "support/chargen.hpp"
#include "support/epoll.hpp"
#include "support/serve.hpp"

namespace compare {
namespace {

class chargen_server {
public:
    explicit chargen_server(int listener) : listener_(listener), bytes_(chargen_bytes()) {
        epoll_.add(listener, EPOLLIN, nullptr);
    }

    void iterate() {
        for (const epoll_event& each: epoll_.wait()) {
            if (each.data.ptr == nullptr)
                accept();
            else
                send(*static_cast<connection*>(each.data.ptr));
        }
    }

private:
    struct connection {
        int fd;
        std::size_t position = 0;
    };

    void accept() {
        for (int fd; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
            epoll_.add(fd, EPOLLOUT, new connection{fd});
    }

    void send(connection& peer) {
        const auto sent =
            ::send(peer.fd, bytes_.data() + peer.position, bytes_.size() - peer.position, MSG_NOSIGNAL);
        if (sent >= 0) {
            peer.position = (peer.position + static_cast<std::size_t>(sent)) % bytes_.size();
        } else if (!would_block()) {
            ::close(peer.fd);
            delete &peer;
        }
    }

    int listener_;
    const std::vector<std::byte> bytes_;
    epoll epoll_;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) {
    return compare::serve_tcp<compare::chargen_server>(argc, argv, SOCK_NONBLOCK);
}
