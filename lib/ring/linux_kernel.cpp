// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/linux_kernel.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include "ring/diagnosis.hpp"
#include "ring/user_memory.hpp"

namespace coil::COIL_ABI::ring {
namespace {

int result_of(int returned) noexcept { return returned < 0 ? -errno : returned; }

}  // namespace

int linux_kernel::milliseconds_until(time_point deadline, time_point now) noexcept {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(detail::time_until(deadline, now)).count();
    return static_cast<int>(std::clamp<long long>(left, 0, 3'600'000));
}

int linux_kernel::own(int descriptor) noexcept {
    if (descriptor == -1)
        return -errno;
    if (descriptor < 0 || descriptor > STDERR_FILENO) [[likely]]
        return descriptor;
    const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    const int result = moved < 0 ? -errno : moved;
    ::close(descriptor);
    return result;
}

void linux_kernel::close_number(int& number) noexcept {
    if (number >= 0)
        ::close(std::exchange(number, -1));
}

std::string linux_kernel::diagnose(int error) const {
    return coil::ring::diagnose(error, circumstances_of_this_process(), refused_call_);
}

int linux_kernel::open_wake() noexcept {
    if (wake_ < 0)
        wake_ = own(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return std::min(wake_, 0);
}

void linux_kernel::wake() noexcept {
    const int error = errno;  // preserved for callers in a signal handler
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
    errno = error;
}

// Reading the eventfd consumes the wake-up, so that the next wait blocks. No post is lost, because a posting
// thread pushes to the inbox before it wakes the loop.
void linux_kernel::wait_for_wake(time_point deadline) noexcept {
    pollfd event{wake_, POLLIN, 0};
    if (::poll(&event, 1, milliseconds_until(deadline, now())) <= 0)
        return;
    std::uint64_t wakes;
    [[maybe_unused]] const auto taken = ::read(wake_, &wakes, sizeof wakes);
}

int linux_kernel::socket(int family, int type, int protocol) {
    return own(::socket(family, type | SOCK_CLOEXEC, protocol));
}

int linux_kernel::socketpair(int family, int type, int protocol, int (&descriptors)[2]) {
    if (::socketpair(family, type | SOCK_CLOEXEC, protocol, descriptors) < 0)
        return -errno;
    descriptors[0] = own(descriptors[0]);
    descriptors[1] = own(descriptors[1]);
    const int failure = std::min({descriptors[0], descriptors[1], 0});
    if (failure < 0) {
        close_number(descriptors[0]);
        close_number(descriptors[1]);
    }
    return failure;
}

int linux_kernel::bind(int descriptor, const sockaddr* address, unsigned size) {
    return result_of(::bind(descriptor, address, size));
}

int linux_kernel::listen(int descriptor, int backlog) { return result_of(::listen(descriptor, backlog)); }

int linux_kernel::shutdown(int descriptor, int how) { return result_of(::shutdown(descriptor, how)); }

int linux_kernel::close(int descriptor) { return result_of(::close(descriptor)); }

// Makes a direct system call. The C library's functions are POSIX cancellation points, so each call would
// execute two more locked instructions as soon as the process has a second thread.
int linux_kernel::sendto(int descriptor, const void* data, std::size_t size, int flags,
                         const sockaddr* address, unsigned address_size) {
    check_read(data, size);
    check_read(address, address_size);
    return result_of(
        static_cast<int>(::syscall(SYS_sendto, descriptor, data, size, flags, address, address_size)));
}

int linux_kernel::sendmsg(int descriptor, const msghdr& message, int flags) {
    check_read(message);
    return result_of(static_cast<int>(::syscall(SYS_sendmsg, descriptor, &message, flags)));
}

int linux_kernel::setsockopt(int descriptor, int level, int name, const void* value, unsigned size) {
    return result_of(::setsockopt(descriptor, level, name, value, size));
}

int linux_kernel::getsockopt(int descriptor, int level, int name, void* value, unsigned* size) {
    return result_of(::getsockopt(descriptor, level, name, value, size));
}

int linux_kernel::fcntl(int descriptor, int command, int argument) {
    return result_of(::fcntl(descriptor, command, argument));
}

int linux_kernel::getsockname(int descriptor, sockaddr* address, unsigned* size) {
    return result_of(::getsockname(descriptor, address, size));
}

int linux_kernel::getpeername(int descriptor, sockaddr* address, unsigned* size) {
    return result_of(::getpeername(descriptor, address, size));
}

int linux_kernel::sockatmark(int descriptor) { return result_of(::sockatmark(descriptor)); }

int linux_kernel::poll(int descriptor, short events) {
    pollfd one{descriptor, events, 0};
    int result;
    do
        result = ::poll(&one, 1, 0);
    while (result < 0 && errno == EINTR);  // although it does not wait
    return result < 0 ? -errno : one.revents;
}

time_point linux_kernel::now() const noexcept { return std::chrono::steady_clock::now(); }

}  // namespace coil::COIL_ABI::ring
