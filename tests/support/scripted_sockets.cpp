// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "support/scripted_kernel.hpp"

namespace coil::ring {

void scripted_kernel::store_address(const ip::endpoint& from, void* target, unsigned* size) {
    ip::socket_address address;
    const unsigned length = from.to_sockaddr(address);
    std::memcpy(target, &address, std::min(*size, length));
    *size = length;
}

ip::endpoint scripted_kernel::address_in(const void* source, unsigned size) {
    ip::socket_address address{};
    std::memcpy(&address, source, std::min<std::size_t>(size, sizeof address));
    return ip::endpoint::from_sockaddr(address, size);
}

scripted_kernel::fake* scripted_kernel::find_open(int number) {
    const auto found = fakes_.find(number);
    return found != fakes_.end() && found->second.open ? &found->second : nullptr;
}

int scripted_kernel::make_descriptor(int family, int type, int protocol) {
    fake made;
    made.family = family;
    made.type = type;
    made.protocol = protocol;
    made.local = {family == AF_INET6 ? ip::address(ip::address_v6()) : ip::address(ip::address_v4()), 0};
    fakes_.emplace(next_descriptor_, made);
    return next_descriptor_++;
}

int scripted_kernel::make_connection(int type, const ip::endpoint& peer) {
    ip::socket_address address;
    peer.to_sockaddr(address);
    const int number = make_descriptor(address.any.sa_family, type, 0);
    fakes_[number].peer = peer;
    fakes_[number].local = {peer.address(), next_port_++};
    return number;
}

int scripted_kernel::close_fake(int number) {
    if (number < first_descriptor)  // a real one: signal sets have some
        return ::close(number) < 0 ? -errno : 0;
    fake* closed = find_open(number);
    if (!closed) {
        ADD_FAILURE() << "close of descriptor " << number << ", which is not open";
        return -EBADF;
    }
    closed->open = false;
    for (const question& each: in_flight_)
        if (each.sqe().fd == number && each.opcode() != IORING_OP_CLOSE)
            ADD_FAILURE() << "close of descriptor " << number << " with a " << name_of(each.opcode())
                          << " in flight: the peer would not see the end";
    return 0;
}

int scripted_kernel::socket(int family, int type, int protocol) {
    return fails_here() ? -fail_with_ : make_descriptor(family, type, protocol);
}

int scripted_kernel::bind(int number, const sockaddr* address, unsigned size) {
    if (fails_here())
        return -fail_with_;
    fake* bound = find_open(number);
    if (!bound)
        return -EBADF;
    bound->local = address_in(address, size);
    if (bound->local.port() == 0)
        bound->local = {bound->local.address(), next_port_++};
    return 0;
}

int scripted_kernel::listen(int number, int backlog) {
    if (fails_here())
        return -fail_with_;
    fake* listening = find_open(number);
    if (!listening)
        return -EBADF;
    listening->backlog = backlog;
    return 0;
}

int scripted_kernel::shutdown(int number, int how) {
    if (fails_here())
        return -fail_with_;
    fake* shut = find_open(number);
    if (!shut)
        return -EBADF;
    shut->shut_down = how;
    return 0;
}

int scripted_kernel::close(int number) {
    const bool fails = fails_here();
    const int result = close_fake(number);
    return fails ? -fail_with_ : result;  // closed it is all the same
}

int scripted_kernel::sendto(int number, const void* data, std::size_t size, int flags,
                            const sockaddr* address, unsigned address_size) {
    iovec piece{const_cast<void*>(data), size};
    msghdr message{};
    message.msg_name = const_cast<sockaddr*>(address);
    message.msg_namelen = address_size;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    return sendmsg(number, message, flags);
}

int scripted_kernel::sendmsg(int number, const msghdr& message, int flags) {
    ++asked_directly_;
    EXPECT_TRUE(flags & MSG_DONTWAIT) << "a direct send that might hold the loop";
    EXPECT_TRUE(flags & MSG_NOSIGNAL);
    if (direct_.empty())
        return -EAGAIN;
    const reply answer = std::move(direct_.front());
    direct_.pop_front();
    fake* through = find_open(number);
    if (!through)
        return -EBADF;
    std::string all;
    for (const iovec& piece: std::span(message.msg_iov, message.msg_iovlen))
        all.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    const int result = answer.kind_ == reply::kind::all ? static_cast<int>(all.size()) : answer.result_;
    if (result > 0)
        through->sent += all.substr(0, static_cast<std::size_t>(result));
    return result;
}

int scripted_kernel::setsockopt(int number, int level, int name, const void* value, unsigned size) {
    if (fails_here())
        return -fail_with_;
    fake* target = find_open(number);
    if (!target)
        return -EBADF;
    target->options[{level, name}] = std::string(static_cast<const char*>(value), size);
    return 0;
}

int scripted_kernel::getsockopt(int number, int level, int name, void* value, unsigned* size) {
    ++options_asked_[{level, name}];
    if (fails_here())
        return -fail_with_;
    fake* asked = find_open(number);
    if (!asked)
        return -EBADF;
    if (level == SOL_SOCKET && name == SO_PEERNAME) {
        ip::socket_address address;
        if (!asked->peer)
            return -ENOTCONN;
        if (asked->peer->to_sockaddr(address) < *size)
            return -EINVAL;
        std::memcpy(value, &address, *size);
        return 0;
    }
    std::memset(value, 0, *size);
    if (const auto found = asked->options.find({level, name}); found != asked->options.end()) {
        *size = std::min(*size, static_cast<unsigned>(found->second.size()));
        std::memcpy(value, found->second.data(), *size);
    }
    return 0;
}

int scripted_kernel::getsockname(int number, sockaddr* address, unsigned* size) {
    if (fails_here())
        return -fail_with_;
    const fake* asked = find_open(number);
    if (!asked)
        return -EBADF;
    store_address(asked->local, address, size);
    return 0;
}

int scripted_kernel::getpeername(int number, sockaddr* address, unsigned* size) {
    ++peers_asked_;
    if (fails_here())
        return -fail_with_;
    const fake* asked = find_open(number);
    if (!asked)
        return -EBADF;
    if (!asked->peer || asked->reset)
        return -ENOTCONN;
    store_address(*asked->peer, address, size);
    return 0;
}

}  // namespace coil::ring
