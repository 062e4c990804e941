// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <sys/epoll.h>

#include "support/sockets.hpp"

namespace compare {

/// A level-triggered epoll(7) instance.
class epoll {
public:
    epoll() : fd_(::epoll_create1(EPOLL_CLOEXEC)) { check(fd_.get() >= 0, "epoll_create1"); }

    void add(int fd, std::uint32_t events, void* tag) { control(EPOLL_CTL_ADD, fd, events, tag); }
    void modify(int fd, std::uint32_t events, void* tag) { control(EPOLL_CTL_MOD, fd, events, tag); }

    /// Waits until at least one event is ready, and returns all ready events. The result is empty if the time
    /// is up or a signal interrupts the wait.
    std::span<const epoll_event> wait(int milliseconds = -1) {
        const int ready =
            ::epoll_wait(fd_.get(), events_.data(), static_cast<int>(events_.size()), milliseconds);
        check(ready >= 0 || errno == EINTR, "epoll_wait");
        return std::span(events_).first(ready > 0 ? static_cast<std::size_t>(ready) : 0);
    }

private:
    void control(int what, int fd, std::uint32_t events, void* tag) {
        epoll_event wanted{};
        wanted.events = events;
        wanted.data.ptr = tag;
        check(::epoll_ctl(fd_.get(), what, fd, &wanted) == 0, "epoll_ctl");
    }

    descriptor fd_;
    std::array<epoll_event, 1024> events_;
};

/// Returns true if the last non-blocking call has failed because it would have blocked, or because of a
/// signal.
inline bool would_block() { return errno == EAGAIN || errno == EINTR; }

}  // namespace compare
