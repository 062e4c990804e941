// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include "ring/kernel.hpp"

namespace coil::COIL_ABI::ring {

/// The implementation that uses the real kernel: io_uring on Linux 6.1 or newer.
class uring_kernel final : public kernel {
public:
    uring_kernel() = default;
    uring_kernel(const uring_kernel&) = delete;
    uring_kernel& operator=(const uring_kernel&) = delete;
    ~uring_kernel() override;

    int set_up(io_uring& memory, const parameters& wanted) override;
    std::string diagnose(int error) const override;
    int enable(io_uring& memory) override;
    void set_in_run(io_uring& memory, bool in_run) override;
    int enter(io_uring& memory, unsigned to_submit, unsigned wait, time_point deadline) override;
    void hold_sigpipe(bool hold) noexcept override { sigpipe_holders_ += hold ? 1 : -1; }
    int register_buffers(io_uring& memory, const buffer_ring& buffers, std::uint16_t group,
                         bool incremental) override;
    bool tear_down(io_uring& memory, bool operations, time_point deadline) override;
    void forget() noexcept override;

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

    /// If `pretend` is true, rings that this process sets up from now on refuse every feature that is newer
    /// than Linux 6.1. Tests can then run as if on the oldest supported kernel.
    static void pretend_6_1(bool pretend) noexcept;

private:
    int refuse(const char* call, int failure) noexcept;
    int hold_pipe(const io_uring& memory) noexcept;
    int enter_now(unsigned to_submit, unsigned wait, time_point deadline);
    void register_descriptor(const io_uring& memory) noexcept;
    void unregister_descriptor(const io_uring& memory) noexcept;

    unsigned enter_flags_ = 0;
    int enter_descriptor_ = -1;   // the ring's descriptor, or its index in the thread's table of rings
    unsigned enters_in_run_ = 0;  // number of enters since set_in_run(true)
    long sigpipe_holders_ = 0;
    bool in_run_ = false;
    bool registered_ = false;
    const char* refused_call_ = "io_uring_setup";  // the call that failed in the last set_up() or enable()
    int ring_ = -1;                                // the ring's descriptor; a child of fork(2) closes it
    int wake_ = -1;     // an eventfd that is written and polled; only wait_for_wake() reads it
    int hang_up_ = -1;  // the read end of a pipe; only the ring holds the write end
};

}  // namespace coil::COIL_ABI::ring
