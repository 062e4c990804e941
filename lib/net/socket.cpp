// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/net/socket.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <coil/loop/io_context.hpp>

#include "base/address_text.hpp"
#include "op/recvfrom_queue.hpp"
#include "ring/kernel.hpp"

namespace coil::COIL_ABI {
namespace {

// If a call failed, throws with what was tried in the text. `what` makes the text, and is called only then: a call that
// succeeds must not pay for it.
template <class Text>
void check(int result, const Text& what) {
    if (result < 0) [[unlikely]]
        throw_failure(system_error_code(-result), what());
}
void check(int result, const char* what) {
    if (result < 0) [[unlikely]]
        throw_failure(system_error_code(-result), what);
}

std::string name_of_option(const char* call, int level, int name) {
    return std::string(call) + "(" + std::to_string(level) + ", " + std::to_string(name) + ")";
}

// What a user lacks who may not have such a socket.
const char* lacking(int result, int type, int protocol) {
    const bool is_icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
    if (type == SOCK_RAW && result == -EPERM)
        return is_icmp
                   ? " (raw ICMP: needs the capability CAP_NET_RAW; for echo requests ip::ping does without)"
                   : " (SOCK_RAW: needs the capability CAP_NET_RAW)";
    if (type == SOCK_DGRAM && is_icmp && result == -EACCES)
        return " (ping: the sysctl net.ipv4.ping_group_range does not include the user's group; raw ICMP needs the "
               "capability CAP_NET_RAW)";
    return "";
}

// A socket's file stays when its server ends.
const char* taken(int result, int family) {
    return family == AF_UNIX && result == -EADDRINUSE
               ? " (there is such a file: if no server has it any more, remove it)"
               : "";
}

using name_call = int (ring::kernel::*)(int, sockaddr*, unsigned*);

socklen_t name_of(const descriptor_handle& handle, name_call call, void* address, socklen_t room,
                  std::error_code& error) noexcept {
    unsigned size = room;
    const int result =
        handle.is_open()
            ? (handle.context().kernel().*call)(handle.number(), static_cast<sockaddr*>(address), &size)
            : -EBADF;
    error = result < 0 ? system_error_code(-result) : std::error_code();
    return result < 0 ? 0 : std::min(socklen_t{size}, room);
}

}  // namespace

int basic_socket::release() {
    if (handle_.keeps_bytes())
        throw_failure(error::unread_bytes, "release");
    return handle_.release();
}

void basic_socket::open(int family, int type, int protocol) {
    if (is_open())
        throw_failure(error::already_open, "open");
    const int number = handle_.record().open_number(family, type, protocol);
    check(number, [&] { return std::string("socket") + lacking(number, type, protocol); });
}

void basic_socket::assign(int number) {
    if (is_open())
        throw_failure(error::already_open, "assign");
    if (number < 0)
        throw_failure(system_error_code(EBADF), "assign");
    handle_.adopt_foreign(number);
}

void basic_socket::bind(const void* address, socklen_t size) {
    const auto* local = static_cast<const sockaddr*>(address);
    const int result = is_open() ? context().kernel().bind(handle_.number(), local, size) : -EBADF;
    check(result, [&] { return "bind to " + address_text(local, size) + taken(result, local->sa_family); });
}

void basic_socket::listen(int backlog) {
    check(is_open() ? context().kernel().listen(handle_.number(), backlog) : -EBADF, "listen");
}

completed basic_socket::shutdown(shutdown_type what) noexcept {
    if (!is_open())
        return completed("shutdown", system_error_code(EBADF));
    if (what != shutdown_send)
        handle_.record().interrupt_readers();
    const int how = what == shutdown_receive ? SHUT_RD : what == shutdown_send ? SHUT_WR : SHUT_RDWR;
    const int result = context().kernel().shutdown(handle_.number(), how);
    return completed("shutdown", result < 0 ? system_error_code(-result) : std::error_code());
}

bool basic_socket::at_mark(std::error_code& error) const noexcept {
    const int result = is_open() ? context().kernel().sockatmark(handle_.number()) : -EBADF;
    error = result < 0 ? system_error_code(-result) : std::error_code();
    const descriptor* record = handle_.record_if_any();
    const bool has_unread = record && record->source() && record->source()->has_news();
    return result > 0 && !has_unread;
}

bool basic_socket::at_mark() const {
    std::error_code error;
    const bool is_there = at_mark(error);
    if (error)
        throw_failure(error, "at_mark");
    return is_there;
}

socklen_t basic_socket::get_local(void* address, socklen_t room, std::error_code& error) const noexcept {
    return name_of(handle_, &ring::kernel::getsockname, address, room, error);
}

socklen_t basic_socket::get_remote(void* address, socklen_t room, std::error_code& error) const noexcept {
    descriptor* record = handle_.record_if_any();
    if (record && record->is_open() && record->knows_peer()) {
        error.clear();
        ip::socket_address peer;
        const socklen_t size = record->peer().to_sockaddr(peer);
        std::memcpy(address, &peer, std::min(size, room));
        return size;
    }
    return name_of(handle_, &ring::kernel::getpeername, address, room, error);
}

void basic_socket::set_option(int level, int name, const void* value, std::size_t size) {
    check(is_open() ? context().kernel().setsockopt(handle_.number(), level, name, value,
                                                    static_cast<unsigned>(size))
                    : -EBADF,
          [&] { return name_of_option("setsockopt", level, name); });
    if (level == SOL_SOCKET && name == SO_LINGER)
        handle_.record().set_may_linger();
    if (level == IPPROTO_UDP && name == UDP_GRO)
        op::recvfrom_queue::of(handle_.record()).look_for_trains();
}

// fcntl(2).
int basic_socket::control(int command, int argument) const {
    const int result = is_open() ? context().kernel().fcntl(handle_.number(), command, argument) : -EBADF;
    check(result, "fcntl");
    return result;
}

void basic_socket::native_non_blocking(bool on) {
    const int flags = control(F_GETFL);
    control(F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

bool basic_socket::native_non_blocking() const { return control(F_GETFL) & O_NONBLOCK; }

void basic_socket::close_on_exec(bool on) { control(F_SETFD, on ? FD_CLOEXEC : 0); }

bool basic_socket::close_on_exec() const { return control(F_GETFD) & FD_CLOEXEC; }

void basic_socket::get_option(int level, int name, void* value, std::size_t& size) const {
    auto written = static_cast<unsigned>(size);
    check(is_open() ? context().kernel().getsockopt(handle_.number(), level, name, value, &written) : -EBADF,
          [&] { return name_of_option("getsockopt", level, name); });
    size = written;
}

}  // namespace coil::COIL_ABI
