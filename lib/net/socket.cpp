// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/net/socket.hpp>

#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>

#include <coil/loop/io_context.hpp>

#include "ring/kernel.hpp"

namespace coil::COIL_ABI {
namespace {

// Of a call that failed: throws, with what was tried in the text.
void check(int result, const std::string& what) {
    if (result < 0)
        throw_failure(system_error_code(-result), what);
}

using name_call = int (ring::kernel::*)(int, sockaddr*, unsigned*);

ip::endpoint name_of(const descriptor_handle& handle, name_call call, std::error_code& error) noexcept {
    error.clear();
    if (!handle.is_open()) {
        error = system_error_code(EBADF);
        return {};
    }
    ip::socket_address address{};
    unsigned size = sizeof address;
    const int result = (handle.context().kernel().*call)(handle.number(), &address.any, &size);
    if (result >= 0)
        return ip::endpoint::from_sockaddr(address, size);
    error = system_error_code(-result);
    return {};
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
    ring::kernel& kernel = handle_.record().context().kernel();
    const int number = kernel.socket(family, type, protocol);
    check(number, "socket");
    handle_.adopt(number);
    // An IPv6 socket speaks IPv4 as well, whatever the sysctl net.ipv6.bindv6only says.
    const int only = 0;
    if (family == AF_INET6)
        check(kernel.setsockopt(number, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only),
              "setsockopt(IPV6_V6ONLY)");
}

void basic_socket::assign(int number) {
    if (is_open())
        throw_failure(error::already_open, "assign");
    if (number < 0)
        throw_failure(system_error_code(EBADF), "assign");
    handle_.adopt_foreign(number);
}

void basic_socket::bind(const ip::endpoint& local) {
    ip::socket_address address;
    const socklen_t size = local.to_sockaddr(address);
    check(is_open() ? context().kernel().bind(handle_.number(), &address.any, size) : -EBADF,
          "bind to " + local.to_string());
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

ip::endpoint basic_socket::local_endpoint(std::error_code& error) const noexcept {
    return name_of(handle_, &ring::kernel::getsockname, error);
}

ip::endpoint basic_socket::remote_endpoint(std::error_code& error) const noexcept {
    descriptor* record = handle_.record_if_any();
    if (record && record->is_open() && record->knows_peer()) {
        error.clear();
        return record->peer();
    }
    return name_of(handle_, &ring::kernel::getpeername, error);
}

ip::endpoint basic_socket::local_endpoint() const {
    std::error_code error;
    const auto local = local_endpoint(error);
    if (error)
        throw_failure(error, "local_endpoint");
    return local;
}

ip::endpoint basic_socket::remote_endpoint() const {
    std::error_code error;
    const auto remote = remote_endpoint(error);
    if (error)
        throw_failure(error, "remote_endpoint");
    return remote;
}

void basic_socket::set_option(int level, int name, const void* value, std::size_t size) {
    check(is_open() ? context().kernel().setsockopt(handle_.number(), level, name, value,
                                                    static_cast<unsigned>(size))
                    : -EBADF,
          "setsockopt(" + std::to_string(level) + ", " + std::to_string(name) + ")");
    if (level == SOL_SOCKET && name == SO_LINGER)
        handle_.record().set_may_linger();
}

void basic_socket::get_option(int level, int name, void* value, std::size_t& size) const {
    auto written = static_cast<unsigned>(size);
    check(is_open() ? context().kernel().getsockopt(handle_.number(), level, name, value, &written) : -EBADF,
          "getsockopt(" + std::to_string(level) + ", " + std::to_string(name) + ")");
    size = written;
}

}  // namespace coil::COIL_ABI
