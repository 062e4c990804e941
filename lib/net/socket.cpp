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
#include "base/usual_cause.hpp"
#include "op/recvfrom_queue.hpp"
#include "ring/kernel.hpp"

namespace coil::COIL_ABI {
namespace {

// Throws if a system call has failed. The text says what was tried and what usually causes the error, as in
// "bind to 0.0.0.0:80 (...)". `tried` is called only on failure, so a successful call does not pay for the
// text.
template <class Text>
void check(int result, const char* call, const Text& tried, const call_subject& of = {}) {
    if (result < 0) [[unlikely]]
        throw std::system_error(detail::system_error_code(-result),
                                std::string(call) + tried() + usual_cause(call, -result, of));
}
void check(int result, const char* call) {
    if (result < 0) [[unlikely]]
        detail::throw_failure(detail::system_error_code(-result), call);
}

std::string text_of_option(int level, int name) {
    return "(" + std::to_string(level) + ", " + std::to_string(name) + ")";
}

int port_of(const sockaddr& address) noexcept {
    switch (address.sa_family) {
    case AF_INET: return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
    case AF_INET6: return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
    default: return -1;
    }
}

using name_call = int (ring::kernel::*)(int, sockaddr*, unsigned*);

socklen_t name_of(const detail::descriptor_handle& handle, name_call call, void* address, socklen_t room,
                  std::error_code& error) noexcept {
    unsigned size = room;
    const int result =
        handle.is_open()
            ? (handle.context().kernel().*call)(handle.number(), static_cast<sockaddr*>(address), &size)
            : -EBADF;
    error = result < 0 ? detail::system_error_code(-result) : std::error_code();
    return result < 0 ? 0 : std::min(socklen_t{size}, room);
}

}  // namespace

int basic_socket::release() {
    if (handle_.record_if_any())
        handle_.check_thread("release");
    if (handle_.keeps_bytes())
        detail::throw_failure(error::unread_bytes, "release");
    return handle_.release();
}

void basic_socket::open(int family, int type, int protocol) {
    if (is_open())
        detail::throw_failure(error::already_open, "open");
    handle_.check_thread("open");
    const int number = handle_.record().open_number(family, type, protocol);
    check(number, "socket", [] { return ""; }, {family, -1, type, protocol});
}

void basic_socket::assign(int number) {
    if (is_open())
        detail::throw_failure(error::already_open, "assign");
    handle_.check_thread("assign");
    if (number < 0)
        detail::throw_failure(detail::system_error_code(EBADF), "assign");
    handle_.adopt_foreign(number);
    ip::socket_address peer;
    unsigned size = sizeof peer;
    if (context().kernel().getpeername(number, &peer.any, &size) >= 0)
        handle_.record().set_connected(&peer.any, size);
}

void basic_socket::bind(const void* address, socklen_t size) {
    const auto* local = static_cast<const sockaddr*>(address);
    const int result = is_open() ? context().kernel().bind(handle_.number(), local, size) : -EBADF;
    check(result, "bind", [&] { return " to " + address_text(local, size); },
          {local->sa_family, port_of(*local), 0, 0});
}

void basic_socket::listen(int backlog) {
    check(is_open() ? context().kernel().listen(handle_.number(), backlog) : -EBADF, "listen");
}

detail::completed basic_socket::shutdown(shutdown_type what) noexcept {
    if (!is_open())
        return detail::completed("shutdown", detail::system_error_code(EBADF));
    handle_.require_thread("socket: shutdown()");
    if (what != shutdown_send)
        handle_.record().interrupt_readers();
    const int how = what == shutdown_receive ? SHUT_RD : what == shutdown_send ? SHUT_WR : SHUT_RDWR;
    const int result = context().kernel().shutdown(handle_.number(), how);
    return detail::completed("shutdown", result < 0 ? detail::system_error_code(-result) : std::error_code());
}

bool basic_socket::at_mark(std::error_code& error) const noexcept {
    const int result = is_open() ? context().kernel().sockatmark(handle_.number()) : -EBADF;
    error = result < 0 ? detail::system_error_code(-result) : std::error_code();
    const detail::descriptor* record = handle_.record_if_any();
    const bool has_unread = record && record->source() && record->source()->has_data();
    return result > 0 && !has_unread;
}

bool basic_socket::at_mark() const {
    std::error_code error;
    const bool is_there = at_mark(error);
    if (error)
        detail::throw_failure(error, "at_mark");
    return is_there;
}

socklen_t basic_socket::get_local(void* address, socklen_t room, std::error_code& error) const noexcept {
    return name_of(handle_, &ring::kernel::getsockname, address, room, error);
}

socklen_t basic_socket::get_remote(void* address, socklen_t room, std::error_code& error) const noexcept {
    detail::descriptor* record = handle_.record_if_any();
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
    const auto set = [&](const void* to, std::size_t bytes) {
        return is_open() ? context().kernel().setsockopt(handle_.number(), level, name, to,
                                                         static_cast<unsigned>(bytes))
                         : -EBADF;
    };
    const auto text = [&] { return text_of_option(level, name); };
    if (level == IPPROTO_UDP && name == UDP_GRO && is_open()) {
        // Trains of datagrams need a recvfrom_queue. If the queue cannot be created, restore the option.
        handle_.check_thread("setsockopt");
        int before = 0;
        unsigned room = sizeof before;
        static_cast<void>(context().kernel().getsockopt(handle_.number(), level, name, &before, &room));
        check(set(value, size), "setsockopt", text);
        try {
            op::recvfrom_queue::of(handle_.record()).detect_trains();
        } catch (...) {
            static_cast<void>(set(&before, sizeof before));
            throw;
        }
        return;
    }
    check(set(value, size), "setsockopt", text);
    if (level == SOL_SOCKET && name == SO_LINGER)
        handle_.record().set_may_linger();
}

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
          "getsockopt", [&] { return text_of_option(level, name); });
    size = written;
}

}  // namespace coil::COIL_ABI
