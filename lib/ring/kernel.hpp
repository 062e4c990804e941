// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#include <liburing.h>

#include <coil/base/io_engine.hpp>
#include <coil/base/time.hpp>

#include "ring/buffer_ring.hpp"

struct msghdr;
struct sockaddr;

namespace coil::COIL_ABI::ring {

/// The sizes of a ring. The kernel rounds them up to powers of two and limits them to its maximum.
struct parameters {
    unsigned entries = 256;       // maximum number of SQEs per enter
    unsigned completions = 4096;  // number of CQEs that the ring can hold
};

/// The library's interface to the operating system: the ring's single batched call, and the few system calls
/// that are not batched. The functions return the system call's result or a negative errno.
///
///     library --SQEs, through shared memory--> kernel      written and read inline, by `ring`
///     library --one enter per iteration------> kernel      one virtual call, not one per operation
///
/// There are two real implementations, which are called engines: `uring_kernel`, and `epoll_kernel` for
/// systems without io_uring. Tests use a scripted implementation, so that they can choose the completions.
/// Code above lib/ring must not depend on which implementation it runs on.
class kernel {
public:
    virtual ~kernel() = default;

    [[nodiscard]] virtual io_engine engine() const noexcept { return io_engine::io_uring; }
    /// Returns true if one enter performs all its SQEs with a single system call. If not, a direct system
    /// call is never slower than an SQE.
    [[nodiscard]] virtual bool is_batched() const noexcept { return true; }
    /// Returns the name of the system call with which enter() waits, for error texts.
    [[nodiscard]] virtual const char* wait_call() const noexcept { return "io_uring_enter"; }
    /// Returns the number of system calls that enter() has made. Meaningful only if is_batched() is false,
    /// because otherwise each enter is one system call.
    [[nodiscard]] virtual std::uint64_t system_calls() const noexcept { return 0; }

    // ---- the ring -----------------------------------------------------------------------------------------

    /// Creates a disabled ring. Only the thread that later enables the ring may enter it. If the call fails,
    /// it leaves nothing behind and may be repeated.
    virtual int set_up(io_uring& memory, const parameters& wanted) = 0;

    /// Returns a message that says why set_up() or enable() failed, and how to fix the problem.
    [[nodiscard]] virtual std::string diagnose(int error) const = 0;

    /// Makes the calling thread the ring's owner. Like set_up(), it may be repeated if it fails.
    virtual int enable(io_uring& memory) = 0;

    /// Called at the beginning (true) and at the end (false) of a run. During a run, this thread enters the
    /// ring repeatedly.
    virtual void set_in_run(io_uring& memory, bool in_run) = 0;

    /// Submits SQEs, then waits until `wait` completions are available or the deadline has passed. Returns
    /// the number of submitted SQEs. May return -ETIME if the deadline has passed, but not if SQEs were
    /// submitted.
    virtual int enter(io_uring& memory, unsigned to_submit, unsigned wait, time_point deadline) = 0;

    /// While SIGPIPE is held, an enter that writes to a pipe without a reader does not raise the signal.
    /// Holds can be nested, so each call with true needs a call with false.
    virtual void hold_sigpipe(bool hold) noexcept = 0;

    /// Registers a buffer ring. Operations that select `group` take their buffers from this ring. If
    /// `incremental` is true, consecutive receives fill one buffer until it is full. This needs Linux 6.12;
    /// older kernels return -EINVAL.
    virtual int register_buffers(io_uring& memory, const buffer_ring& buffers, std::uint16_t group,
                                 bool incremental) = 0;

    /// Releases the ring memory. If `operations` is true, operations may still be in flight. The function
    /// then waits until the kernel no longer uses their buffers, and returns false if the deadline passes
    /// first. The calling thread need not be the owner.
    virtual bool tear_down(io_uring& memory, bool operations, time_point deadline) = 0;

    /// Called in a child of fork(2). Closes the descriptors of the parent's ring without accessing the ring's
    /// memory. Async-signal-safe.
    virtual void forget() noexcept = 0;

    /// Completes a poll of wake_descriptor(), so that a waiting enter returns. Thread-safe and
    /// async-signal-safe.
    virtual void wake() noexcept = 0;
    [[nodiscard]] virtual int wake_descriptor() const noexcept = 0;

    /// Waits for wake(), a signal or the deadline without using the ring. The loop uses this function while
    /// enter() fails.
    virtual void wait_for_wake(time_point deadline) noexcept = 0;

    // ---- calls that are not batched -----------------------------------------------------------------------

    virtual int socket(int family, int type, int protocol) = 0;
    virtual int socketpair(int family, int type, int protocol, int (&descriptors)[2]) = 0;
    virtual int bind(int descriptor, const sockaddr* address, unsigned size) = 0;
    virtual int listen(int descriptor, int backlog) = 0;
    virtual int shutdown(int descriptor, int how) = 0;
    virtual int close(int descriptor) = 0;
    /// Called when coil begins to use a descriptor that other code has opened.
    virtual void adopt(int) noexcept {}
    /// Called when code outside coil may have a duplicate of the descriptor, or may make one, so that closing
    /// the descriptor does not necessarily close its file.
    virtual void share(int) noexcept {}
    /// Called when coil stops using a descriptor without closing it.
    virtual void release(int) noexcept {}
    /// Calls sendto(2) or sendmsg(2), for sends that are cheaper as direct system calls than through the
    /// ring.
    virtual int sendto(int descriptor, const void* data, std::size_t size, int flags, const sockaddr* address,
                       unsigned address_size) = 0;
    virtual int sendmsg(int descriptor, const msghdr& message, int flags) = 0;
    virtual int setsockopt(int descriptor, int level, int name, const void* value, unsigned size) = 0;
    virtual int getsockopt(int descriptor, int level, int name, void* value, unsigned* size) = 0;
    virtual int fcntl(int descriptor, int command, int argument) = 0;
    virtual int getsockname(int descriptor, sockaddr* address, unsigned* size) = 0;
    virtual int getpeername(int descriptor, sockaddr* address, unsigned* size) = 0;

    /// Calls sockatmark(3). Returns 1 if the next byte is the first byte after the out-of-band mark.
    virtual int sockatmark(int descriptor) = 0;
    /// Calls poll(2) for one descriptor without waiting. Returns the events for which the descriptor is
    /// ready.
    virtual int poll(int descriptor, short events) = 0;

    /// Returns the time of the monotonic clock.
    [[nodiscard]] virtual time_point now() const noexcept = 0;
};

}  // namespace coil::COIL_ABI::ring
