// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "support/scripted_kernel.hpp"

namespace coil::ring {
namespace {

ip::endpoint ip_endpoint(const generic::endpoint& from) {
    return ip::endpoint::from_sockaddr(from.data(), static_cast<socklen_t>(from.size()));
}

}  // namespace

void scripted_kernel::store_address(const generic::endpoint& from, void* target, unsigned* size) {
    std::memcpy(target, from.data(), std::min<std::size_t>(*size, from.size()));
    *size = static_cast<unsigned>(from.size());
}

// Stores as many descriptors as fit, and drops the others. (The real kernel closes those.)
void scripted_kernel::store_descriptors(const reply& answer, msghdr& message) {
    const std::size_t room = message.msg_controllen < CMSG_LEN(0) ? 0 : message.msg_controllen - CMSG_LEN(0);
    const std::size_t count = std::min(answer.descriptors_.size(), room / sizeof(int));
    if (count < answer.descriptors_.size())
        message.msg_flags |= MSG_CTRUNC;
    message.msg_controllen =
        count > 0 ? std::min<std::size_t>(CMSG_SPACE(count * sizeof(int)), room + CMSG_LEN(0)) : 0;
    if (count == 0)
        return;
    const cmsghdr head{CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    auto* const target = static_cast<std::byte*>(message.msg_control);
    std::memcpy(target, &head, sizeof head);
    std::memcpy(target + CMSG_LEN(0), answer.descriptors_.data(), count * sizeof(int));
}

void scripted_kernel::record_descriptors(const msghdr& message, fake& through) {
    const auto* const head = static_cast<const cmsghdr*>(message.msg_control);
    if (message.msg_controllen == 0 || head->cmsg_type != SCM_RIGHTS)
        return;
    const std::size_t size = head->cmsg_len - CMSG_LEN(0);
    std::vector<int> passed(size / sizeof(int));
    std::memcpy(passed.data(), static_cast<const std::byte*>(message.msg_control) + CMSG_LEN(0), size);
    through.passed.insert(through.passed.end(), passed.begin(), passed.end());
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
    if (family == AF_INET || family == AF_INET6)
        made.local = ip::endpoint(family == AF_INET6 ? ip::address(ip::address_v6()) : ip::address(), 0);
    else
        made.local = generic::endpoint(&family, sizeof(sa_family_t));
    fakes_.emplace(next_descriptor_, made);
    return next_descriptor_++;
}

int scripted_kernel::make_connection(int type, const generic::endpoint& peer) {
    const int number = make_descriptor(peer.family(), type, 0);
    fakes_[number].peer = peer;
    if (peer.family() == AF_INET || peer.family() == AF_INET6)
        fakes_[number].local = ip::endpoint(ip_endpoint(peer).address(), next_port_++);
    return number;
}

int scripted_kernel::close_fake(int number) {
    if (number < first_descriptor)  // this is a real descriptor, which a signal set may own
        return ::close(number) < 0 ? -errno : 0;
    fake* closed = find_open(number);
    if (!closed) {
        ADD_FAILURE() << "close of descriptor " << number << ", which is not open";
        return -EBADF;
    }
    closed->open = false;
    for (const submission& each: in_flight_)
        if (each.sqe().fd == number && each.opcode() != IORING_OP_CLOSE && !may_close_in_flight_)
            ADD_FAILURE() << "close of descriptor " << number << " with a " << name_of(each.opcode())
                          << " in flight: the peer would not see the end";
    return 0;
}

int scripted_kernel::socket(int family, int type, int protocol) {
    return fails_here() ? -fail_with_ : make_descriptor(family, type, protocol);
}

int scripted_kernel::socketpair(int family, int type, int protocol, int (&numbers)[2]) {
    if (fails_here())
        return -fail_with_;
    for (int& each: numbers) {
        each = make_descriptor(family, type, protocol);
        fakes_[each].peer = fakes_[each].local;
    }
    return 0;
}

int scripted_kernel::bind(int number, const sockaddr* address, unsigned size) {
    if (fails_here())
        return -fail_with_;
    fake* bound = find_open(number);
    if (!bound)
        return -EBADF;
    bound->local = generic::endpoint::from_sockaddr(address, size);
    const bool has_port = address->sa_family == AF_INET || address->sa_family == AF_INET6;
    if (const auto local = ip_endpoint(bound->local); has_port && local.port() == 0)
        bound->local = ip::endpoint(local.address(), next_port_++);
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
    return fails ? -fail_with_ : result;  // the descriptor has been closed in either case
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
    ++direct_send_count_;
    EXPECT_TRUE(flags & MSG_DONTWAIT) << "a direct send that might block the loop";
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
        record_descriptors(message, *through);
    if (result > 0)
        through->sent += all.substr(0, static_cast<std::size_t>(result));
    return result;
}

int scripted_kernel::sockatmark(int number) {
    if (fails_here())
        return -fail_with_;
    const fake* target = find_open(number);
    return target ? int{target->is_at_mark} : -EBADF;
}

int scripted_kernel::poll(int number, short events) {
    if (fails_here())
        return -fail_with_;
    if (!find_open(number))
        return -EBADF;
    if (polls_.empty())
        return events;
    const int ready = polls_.front();
    polls_.pop_front();
    return ready;
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
    ++getsockopt_calls_[{level, name}];
    if (fails_here())
        return -fail_with_;
    fake* target = find_open(number);
    if (!target)
        return -EBADF;
    if (level == SOL_SOCKET && name == SO_PEERNAME) {
        if (!target->peer)
            return -ENOTCONN;
        if (target->peer->size() < *size)
            return -EINVAL;
        std::memcpy(value, target->peer->data(), *size);
        return 0;
    }
    std::memset(value, 0, *size);
    if (const auto found = target->options.find({level, name}); found != target->options.end()) {
        *size = std::min(*size, static_cast<unsigned>(found->second.size()));
        std::memcpy(value, found->second.data(), *size);
    }
    return 0;
}

int scripted_kernel::fcntl(int number, int command, int argument) {
    if (fails_here())
        return -fail_with_;
    fake* target = find_open(number);
    if (!target)
        return -EBADF;
    if (command == F_SETFD || command == F_SETFL)
        target->flags[command == F_SETFD ? F_GETFD : F_GETFL] = argument;
    return command == F_SETFD || command == F_SETFL ? 0 : target->flags.at(command);
}

int scripted_kernel::getsockname(int number, sockaddr* address, unsigned* size) {
    if (fails_here())
        return -fail_with_;
    const fake* target = find_open(number);
    if (!target)
        return -EBADF;
    store_address(target->local, address, size);
    return 0;
}

int scripted_kernel::getpeername(int number, sockaddr* address, unsigned* size) {
    ++getpeername_calls_;
    if (fails_here())
        return -fail_with_;
    const fake* target = find_open(number);
    if (!target)
        return -EBADF;
    if (!target->peer || target->reset)
        return -ENOTCONN;
    store_address(*target->peer, address, size);
    return 0;
}

}  // namespace coil::ring
