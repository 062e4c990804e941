// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include "ring/kernel.hpp"

namespace coil::COIL_ABI::ring {

/// The part that both engines have in common: the eventfd that wakes the loop, and the system calls that are
/// not batched.
class linux_kernel : public kernel {
public:
    linux_kernel() = default;
    linux_kernel(const linux_kernel&) = delete;
    linux_kernel& operator=(const linux_kernel&) = delete;
    ~linux_kernel() override { close_number(wake_); }

    std::string diagnose(int error) const override;
    /// Returns the system call that failed in the last set_up() or enable().
    [[nodiscard]] const char* refused_call() const noexcept { return refused_call_; }
    void hold_sigpipe(bool hold) noexcept override { sigpipe_holders_ += hold ? 1 : -1; }

    void wake() noexcept override;
    int wake_descriptor() const noexcept override { return wake_; }
    void wait_for_wake(time_point deadline) noexcept override;

    int socket(int family, int type, int protocol) override;
    int socketpair(int family, int type, int protocol, int (&descriptors)[2]) override;
    int bind(int descriptor, const sockaddr* address, unsigned size) override;
    int listen(int descriptor, int backlog) override;
    int shutdown(int descriptor, int how) override;
    int close(int descriptor) override;
    int sendto(int descriptor, const void* data, std::size_t size, int flags, const sockaddr* address,
               unsigned address_size) override;
    int sendmsg(int descriptor, const msghdr& message, int flags) override;
    int setsockopt(int descriptor, int level, int name, const void* value, unsigned size) override;
    int getsockopt(int descriptor, int level, int name, void* value, unsigned* size) override;
    int fcntl(int descriptor, int command, int argument) override;
    int getsockname(int descriptor, sockaddr* address, unsigned* size) override;
    int getpeername(int descriptor, sockaddr* address, unsigned* size) override;
    int sockatmark(int descriptor) override;
    int poll(int descriptor, short events) override;
    time_point now() const noexcept override;

    /// The kernel adds a timeout to its own clock. A limit of one year keeps that sum far from overflow. If
    /// the deadline is further away, the loop waits again.
    static constexpr std::chrono::hours longest_wait{24 * 365};
    /// Returns the time until the deadline, rounded up and limited to an hour.
    static int milliseconds_until(time_point deadline, time_point now) noexcept;

protected:
    /// Opens the eventfd, unless it is open already. All rings that this object sets up use the same eventfd,
    /// because other threads may be writing to it. Returns 0 or a negative errno.
    int open_wake() noexcept;
    /// Closes the eventfd. Called in a child of fork(2).
    void close_wake() noexcept { close_number(wake_); }

    /// Stores the call that failed, for diagnose(). Returns `failure`.
    int refuse(const char* call, int failure) noexcept {
        refused_call_ = call;
        return failure;
    }
    /// Returns true while a write that may raise SIGPIPE is pending.
    [[nodiscard]] bool holds_sigpipe() const noexcept { return sigpipe_holders_ > 0; }

    /// Moves a new descriptor above stdin, stdout and stderr. A program may be started with these three
    /// closed, and its output to stdout must not be written to a ring or a connection. `descriptor` may also
    /// be an error, that is, -1 with errno set, or a negative errno. Returns the descriptor or a negative
    /// errno.
    static int own(int descriptor) noexcept;
    /// Closes the descriptor, if there is one, and sets `number` to -1.
    static void close_number(int& number) noexcept;

private:
    long sigpipe_holders_ = 0;
    const char* refused_call_ = "io_uring_setup";  // the call that failed in the last set_up() or enable()
    int wake_ = -1;  // an eventfd that is written and polled; only wait_for_wake() reads it
};

}  // namespace coil::COIL_ABI::ring
