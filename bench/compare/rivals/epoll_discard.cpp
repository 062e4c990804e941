// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP server on epoll that discards everything it receives. It reads up to 256 KiB at a time.

#include <vector>

#include "support/epoll.hpp"
#include "support/serve.hpp"

namespace compare {
namespace {

class discard_server {
public:
    explicit discard_server(int listener) : listener_(listener), buffer_(std::size_t{256} * 1024) {
        epoll_.add(listener, EPOLLIN, tag_of(listener));
    }

    void iterate() {
        for (const epoll_event& each: epoll_.wait()) {
            const int fd = static_cast<int>(each.data.u64);
            if (fd == listener_)
                accept();
            else
                receive(fd);
        }
    }

private:
    static void* tag_of(int fd) { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(fd)); }

    void accept() {
        for (int fd; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
            epoll_.add(fd, EPOLLIN, tag_of(fd));
    }

    void receive(int fd) {
        const auto received = ::recv(fd, buffer_.data(), buffer_.size(), 0);
        if (received == 0 || (received < 0 && !would_block()))
            ::close(fd);
    }

    int listener_;
    epoll epoll_;
    std::vector<std::byte> buffer_;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) {
    return compare::serve_tcp<compare::discard_server>(argc, argv, SOCK_NONBLOCK);
}
