// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#include <liburing.h>

#include <coil/base/time.hpp>

#include "ring/buffer_ring.hpp"

struct msghdr;
struct sockaddr;

namespace coil::COIL_ABI::ring {

/// How large a ring to make. The kernel rounds up to powers of two, and clamps.
struct parameters {
    unsigned entries = 256;       // SQEs that wait for one enter
    unsigned completions = 4096;  // CQEs that wait to be collected
};

/// Everything that coil asks of an operating system: the ring's one batched call, and the few that are not
/// batched. Calls return what the system call does, or a negative errno.
///
///     library --SQEs, through shared memory--> kernel      filled and read inline, by `ring`
///     library --one enter a turn-------------> kernel      virtual: paid once a turn, never per operation
///
/// Several stand behind it: `uring_kernel` is the real one; a scripted one lets a test write the answers.
/// Nothing above this room may know which it runs on.
class kernel {
public:
    virtual ~kernel() = default;

    // ---- the ring --------------------------------------------------------------------------------------------------

    /// Makes ring memory, disabled: the thread that enables it is the only one that may enter it. All or
    /// nothing: a refusal leaves nothing behind, and the call may be repeated.
    virtual int set_up(io_uring& memory, const parameters& wanted) = 0;

    /// Why set_up or enable refused, and what to do about it.
    [[nodiscard]] virtual std::string diagnose(int error) const = 0;

    /// Makes the calling thread the ring's own. All or nothing, as set_up.
    virtual int enable(io_uring& memory) = 0;

    /// Tells that enter will now be called again and again by this thread (true), or no more for a while.
    virtual void attend(io_uring& memory, bool attending) = 0;

    /// Submits, and waits until `wait` completions are there or the deadline passes.
    /// Returns how many SQEs were taken; a passed deadline is not an error, and can't be told from the return
    /// value.
    virtual int enter(io_uring& memory, unsigned to_submit, unsigned wait, time_point deadline) = 0;

    /// From now on (true) an enter may write to a pipe that nobody reads, until that is taken back as often
    /// as it was said: meanwhile no enter raises SIGPIPE.
    virtual void hold_sigpipe(bool hold) noexcept = 0;

    /// Shares a ring of buffers with the kernel: operations that select a buffer of this group take them from
    /// there. `incremental`: one receive after the other fills a buffer, until it is full (since 6.12;
    /// -EINVAL before).
    virtual int register_buffers(io_uring& memory, const buffer_ring& buffers, std::uint16_t group,
                                 bool incremental) = 0;

    /// Gives the ring memory back. With `operations` in flight and on a foreign thread, waits until the
    /// kernel has let go of their buffers. False where that could not be seen before the deadline.
    virtual bool tear_down(io_uring& memory, bool operations, time_point deadline) = 0;

    /// In a child of fork(2): closes the descriptors of the ring that the parent has made, and does not touch
    /// its memory. Async-signal-safe.
    virtual void forget() noexcept = 0;

    /// Makes a poll of wake_descriptor() complete, so that an enter which waits returns. From any thread or
    /// signal handler.
    virtual void wake() noexcept = 0;
    [[nodiscard]] virtual int wake_descriptor() const noexcept = 0;

    /// Waits without the ring, for when it refuses to be entered: until wake(), a signal, or the deadline.
    virtual void wait_for_wake(time_point deadline) noexcept = 0;

    // ---- what is not batched ---------------------------------------------------------------------------------------

    virtual int socket(int family, int type, int protocol) = 0;
    virtual int socketpair(int family, int type, int protocol, int (&descriptors)[2]) = 0;
    virtual int bind(int descriptor, const sockaddr* address, unsigned size) = 0;
    virtual int listen(int descriptor, int backlog) = 0;
    virtual int shutdown(int descriptor, int how) = 0;
    virtual int close(int descriptor) = 0;
    /// send(2), sendto(2) and sendmsg(2), for when one call of its own is cheaper than a place in the ring.
    virtual int sendto(int descriptor, const void* data, std::size_t size, int flags, const sockaddr* address,
                       unsigned address_size) = 0;
    virtual int sendmsg(int descriptor, const msghdr& message, int flags) = 0;
    virtual int setsockopt(int descriptor, int level, int name, const void* value, unsigned size) = 0;
    virtual int getsockopt(int descriptor, int level, int name, void* value, unsigned* size) = 0;
    virtual int fcntl(int descriptor, int command, int argument) = 0;
    virtual int getsockname(int descriptor, sockaddr* address, unsigned* size) = 0;
    virtual int getpeername(int descriptor, sockaddr* address, unsigned* size) = 0;

    /// sockatmark(3): 1 where the next byte is the first behind the out-of-band mark.
    virtual int sockatmark(int descriptor) = 0;
    /// poll(2) of one descriptor, without waiting: the events that it is ready for.
    virtual int poll(int descriptor, short events) = 0;

    /// The monotonic clock.
    [[nodiscard]] virtual time_point now() const noexcept = 0;
};

}  // namespace coil::COIL_ABI::ring
