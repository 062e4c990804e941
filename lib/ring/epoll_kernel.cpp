// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/epoll_kernel.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <new>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

#include <coil/base/assert.hpp>
#include <coil/base/prefetch.hpp>

#include "ring/abi.hpp"
#include "ring/fork.hpp"
#include "ring/immediate.hpp"
#include "ring/sigpipe_guard.hpp"
#include "ring/user_memory.hpp"

namespace coil::COIL_ABI::ring {
namespace {

constexpr unsigned entries_max = 32768;
// The number of events that one system call returns at most.
constexpr int events_max = 256;
// The number of completions after which a multishot receive waits for the next enter.
constexpr int burst_max = 32;
constexpr std::size_t requests_per_block = 64;
// From this number of events on, the descriptors and their requests are prefetched. With 1024 connections,
// this saves about 3 % of the CPU time.
constexpr int events_in_cache = 64;
// A connect to a UNIX socket whose backlog is full is tried again after this time, because no event reports
// that there is space.
constexpr std::chrono::milliseconds refused_pause{2};
// Linux added epoll_pwait2(2) in 5.11.
constexpr long epoll_pwait2_number = 441;
constinit std::atomic<bool> has_epoll_pwait2{true};

// Returns the number of events, or a negative errno.
int wait_for_events(int epoll, epoll_event (&events)[events_max], time_point deadline,
                    const epoll_kernel& kernel) noexcept {
    const auto wait = [&](int milliseconds) {
        ++calls_of_this_thread;
        return ::syscall(SYS_epoll_pwait, epoll, events, events_max, milliseconds, nullptr, std::size_t{0});
    };
    long count = -1;
    if (deadline == time_point::max()) {
        count = wait(-1);
    } else if (const time_point now = deadline == time_point::min() ? deadline : kernel.now();
               deadline <= now) {
        count = wait(0);
    } else {
        if (has_epoll_pwait2.load(std::memory_order_relaxed)) {
            const auto left =
                std::min<time_point::duration>(detail::time_until(deadline, now), linux_kernel::longest_wait);
            const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
            const __kernel_timespec timeout{seconds.count(), (left - seconds).count()};
            ++calls_of_this_thread;
            count =
                ::syscall(epoll_pwait2_number, epoll, events, events_max, &timeout, nullptr, std::size_t{0});
            if (count >= 0 || errno == EINTR)
                return count < 0 ? -errno : static_cast<int>(count);
            // The kernel is older than 5.11, or a seccomp profile does not know the call.
            has_epoll_pwait2.store(false, std::memory_order_relaxed);
        }
        count = wait(linux_kernel::milliseconds_until(deadline, now));
    }
    return count < 0 ? -errno : static_cast<int>(count);
}

// Returns true if a read(2) or write(2) does not wait, because of O_NONBLOCK or because it fails.
bool never_waits(int descriptor, bool is_read) noexcept {
    const long flags = call(SYS_fcntl, descriptor, F_GETFL, 0);
    const int access = static_cast<int>(flags) & O_ACCMODE;
    const bool is_allowed = access == O_RDWR || access == (is_read ? O_RDONLY : O_WRONLY);
    return flags < 0 || (flags & O_NONBLOCK) || !is_allowed;
}

}  // namespace

/// An operation that waits.
struct epoll_kernel::request : detail::list_hook {
    [[nodiscard]] const io_uring_sqe& sqe() const noexcept {
        return *reinterpret_cast<const io_uring_sqe*>(bytes);
    }

    // An io_uring_sqe cannot be a member, because it ends with an array of unknown size.
    alignas(io_uring_sqe) std::byte bytes[sizeof(io_uring_sqe)];
    request* next_of_bucket = nullptr;
    file* target = nullptr;
    // The bytes transferred so far, with MSG_WAITALL. For a connect, 1 after it has begun.
    std::uint32_t moved = 0;
    bool is_refused = false;  // in the list `refused_`
};

/// The state of one descriptor.
struct epoll_kernel::file : detail::list_hook {
    /// How a read(2) or write(2) is kept from waiting.
    enum class method : std::uint8_t {
        unknown,
        none,     // not necessary: a stored file or a block device
        message,  // recvmsg(2) or sendmsg(2) with MSG_DONTWAIT, because it is a socket
        flag,     // RWF_NOWAIT
        polled,   // the kind of descriptor does not know this flag, so it is polled first
    };

    /// Returns the number of waiting operations of the same direction, or null if the order of this operation
    /// does not matter.
    [[nodiscard]] std::uint32_t* waiting_like(const io_uring_sqe& sqe) noexcept {
        const direction towards = direction_of(sqe);
        if (towards == direction::none || is_out_of_order(sqe))
            return nullptr;
        return towards == direction::read ? &reads_waiting : &writes_waiting;
    }

    detail::intrusive_list<request> waiting;  // in the order of submission
    std::uint32_t reads_waiting = 0;
    std::uint32_t writes_waiting = 0;
    int descriptor = -1;
    std::uint32_t generation = 0;  // changes when the descriptor is closed; part of each event
    std::uint32_t watched = 0;     // the registered events; 0 if the descriptor is not registered
    std::uint32_t events = 0;      // the events being served
    unsigned forks = 0;            // the number of forks when the descriptor was first seen
    method reads = method::unknown;
    method writes = method::unknown;
    bool may_read = true;  // false: a read would have to wait; an event will report new data
    bool may_write = true;
    bool always_tries = false;  // SO_RCVLOWAT is set, so no event reports a few bytes
    bool is_tcp = false;        // a short read or write means that the socket is empty or full
    bool has_ended = false;     // the peer's end, an error or urgent data: a short read means nothing
    bool is_shut = false;       // no more data can arrive
    bool is_pipe = false;
    bool is_shared = false;             // other code may have a duplicate
    bool is_in_other_process = false;   // another process may have a duplicate, and rely on O_NONBLOCK
    std::uint16_t users = 0;            // objects of this context that have the descriptor
    bool is_non_blocking = false;       // O_NONBLOCK is set
    bool is_made_non_blocking = false;  // set by this engine, and hidden from the program
};

// ---- one enter --------------------------------------------------------------------------------------------

int epoll_kernel::enter(io_uring&, unsigned to_submit, unsigned wait, time_point deadline) {
    if (!is_enabled_)
        return -EBADFD;
    if (!::pthread_equal(owner_, ::pthread_self()))
        return -EEXIST;
    if (!holds_sigpipe()) [[likely]]
        return enter_now(to_submit, wait, deadline);
    const sigpipe_guard without_signal;
    return enter_now(to_submit, wait, deadline);
}

int epoll_kernel::enter_now(unsigned to_submit, unsigned wait, time_point deadline) {
    const std::uint64_t calls_before = calls_of_this_thread;
    flush_overflow();
    const unsigned submitted = submit(std::min(to_submit, sq_tail_ - sq_head_));
    serve_paused();
    const int failure = collect_events(wait, deadline);
    flush_overflow();
    // Only an enter finds out whether an operation can continue, so the loop has to enter in each iteration.
    sq_flags_ =
        (pending_ > wake_polls_ ? IORING_SQ_TASKRUN : 0u) | (overflow_.empty() ? 0u : IORING_SQ_CQ_OVERFLOW);
    system_calls_ += calls_of_this_thread - calls_before;
    return submitted > 0 ? static_cast<int>(submitted) : failure;
}

// An operation for which there is no memory completes with -ENOMEM.
unsigned epoll_kernel::submit(unsigned count) noexcept {
    unsigned taken = 0;
    for (; taken < count; ++taken) {
        const auto& sqe = reinterpret_cast<const io_uring_sqe*>(sqes_.data())[sq_head_ & sq_mask_];
        if (has_memory_for(sqe))
            start(sqe);
        else if (!is_full())
            complete(sqe.user_data, -ENOMEM);
        else
            break;  // the SQE stays in the ring until completions have been collected
        ++sq_head_;
    }
    return taken;
}

// Allocates everything that an operation may need, so that it cannot fail for lack of memory later.
bool epoll_kernel::has_memory_for(const io_uring_sqe& sqe) noexcept {
    try {
        if (free_.empty())
            add_requests();
        const std::size_t completions_max = overflow_.size() + pending_ + 2;
        if (overflow_.capacity() < completions_max)
            overflow_.reserve(2 * completions_max);
        if (sqe.fd >= 0 && !find(sqe.fd) && ::fcntl(sqe.fd, F_GETFD) >= 0)
            add_page(sqe.fd);  // not for a number that is no descriptor, because it may be very large
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

void epoll_kernel::start(const io_uring_sqe& sqe) noexcept {
    if (sqe.opcode == IORING_OP_NOP)
        return complete(sqe.user_data, 0);
    if (sqe.opcode == IORING_OP_ASYNC_CANCEL)
        return cancel(sqe);
    if (!is_known(sqe))
        return complete(sqe.user_data, -EINVAL);
    file* target = find(sqe.fd);
    if (!target)
        return complete(sqe.user_data, -EBADF);
    const direction towards = direction_of(sqe);
    const bool is_first =
        towards == direction::read ? target->reads_waiting == 0 : target->writes_waiting == 0;
    const bool may_succeed =
        target->always_tries || (towards == direction::read ? target->may_read : target->may_write);
    const bool may_try = towards == direction::none || is_out_of_order(sqe) || (is_first && may_succeed);
    std::uint32_t moved = 0;
    const attempt first = may_try ? try_now(*target, sqe, moved) : attempt{attempt::state::blocked};
    if (first.is == attempt::state::done)
        complete(sqe.user_data, first.result, first.flags);
    else
        wait_for_event(*target, sqe, moved, first.is);
}

void epoll_kernel::wait_for_event(file& target, const io_uring_sqe& sqe, std::uint32_t moved,
                                  attempt::state is) noexcept {
    request& made = free_.pop_front();
    std::memcpy(made.bytes, &sqe, sizeof sqe);
    made.target = &target;
    made.moved = moved;
    made.is_refused = is == attempt::state::refused;
    made.next_of_bucket = std::exchange(*place_of(sqe.user_data), &made);
    ++pending_;
    wake_polls_ += sqe.fd == wake_descriptor();
    if (is == attempt::state::refused) {
        refused_.push_back(made);
        refused_until_ = std::min(refused_until_, now() + refused_pause);
        return;
    }
    target.waiting.push_back(made);
    if (std::uint32_t* count = target.waiting_like(sqe))
        ++*count;
    if (is == attempt::state::paused)
        paused_.push_back(target);
    // epoll refuses files that are always ready with EPERM. io_uring refuses to wait for their events with
    // EINVAL.
    if (const int failure = watch(target, events_for(sqe)); failure < 0) {
        target.may_read = target.may_write = true;  // no event will report a change
        finish(made, failure == -EPERM ? -EINVAL : failure);
    }
}

// Ends the target with the bytes that it has transferred so far. A cancel that finds no target completes with
// -ENOENT.
void epoll_kernel::cancel(const io_uring_sqe& sqe) noexcept {
    if (sqe.cancel_flags != 0)
        return complete(sqe.user_data, -EINVAL);
    request* target = *place_of(sqe.addr);
    while (target && target->sqe().user_data != sqe.addr)
        target = target->next_of_bucket;
    if (!target)
        return complete(sqe.user_data, -ENOENT);
    const bool has_bytes = target->moved > 0 && target->sqe().opcode != IORING_OP_CONNECT;
    finish(*target, has_bytes ? static_cast<std::int32_t>(target->moved) : -ECANCELED);
    if (!(sqe.flags & IOSQE_CQE_SKIP_SUCCESS))
        complete(sqe.user_data, 0);
}

// Collects the events that have occurred. Waits for an event if there are fewer completions than `wait`.
int epoll_kernel::collect_events(unsigned wait, time_point deadline) noexcept {
    for (;;) {
        const bool has_enough = completions() + overflow_.size() >= wait || !paused_.empty();
        if (has_enough && pending_ == wake_polls_)
            return 0;
        const int failure =
            wait_for_epoll(has_enough ? time_point::min() : std::min(deadline, refused_until_));
        if (failure < 0)
            return has_enough ? 0 : failure;
        if (refused_until_ != time_point::max() && now() >= refused_until_)
            serve_refused();
        if (has_enough || completions() + overflow_.size() >= wait)
            return 0;
        if (deadline != time_point::max() && now() >= deadline)
            return -ETIME;
    }
}

// Waits in one system call. Serves the descriptors that have events.
int epoll_kernel::wait_for_epoll(time_point deadline) noexcept {
    epoll_event events[events_max];
    const int count = wait_for_events(epoll_, events, deadline, *this);
    for (int i = 0; i < count; ++i) {
        if (count >= events_in_cache) {
            prefetch_file(events[std::min(i + 4, count - 1)].data.u64);
            prefetch_request(events[std::min(i + 2, count - 1)].data.u64);
        }
        file* target = find(static_cast<int>(events[i].data.u64 & 0xffffffff));
        // The event of a closed descriptor, whose file is still open elsewhere, does not concern the
        // descriptor that has the same number now.
        if (!target || target->generation != events[i].data.u64 >> 32)
            continue;
        target->events |= events[i].events;
        serve(*target);
    }
    return std::min(count, 0);
}

void epoll_kernel::prefetch_file(std::uint64_t event) const noexcept {
    if (const file* next = find(static_cast<int>(event & 0xffffffff)))
        detail::prefetch(next, sizeof *next);
}

void epoll_kernel::prefetch_request(std::uint64_t event) const noexcept {
    file* next = find(static_cast<int>(event & 0xffffffff));
    if (next && !next->waiting.empty())
        detail::prefetch(&next->waiting.front(), sizeof(request));
}

void epoll_kernel::serve(file& target) noexcept {
    const std::uint32_t events = target.events;
    if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        target.may_read = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        target.may_write = true;
    if (events & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        target.has_ended = true;
    if (events & EPOLLRDHUP)
        target.is_shut = true;

    bool may_read = target.may_read;
    bool may_write = target.may_write;
    target.waiting.for_each([&](request& each) {
        const io_uring_sqe& sqe = each.sqe();
        const direction towards = direction_of(sqe);
        if (towards == direction::none && events == 0)
            return;
        const bool is_ordered = towards != direction::none && !is_out_of_order(sqe);
        bool& may_try = towards == direction::read ? may_read : may_write;
        if (is_ordered && !may_try)
            return;
        const attempt next = try_now(target, sqe, each.moved);
        switch (next.is) {
        case attempt::state::done: return finish(each, next.result, next.flags);
        case attempt::state::paused: paused_.push_back(target); break;
        case attempt::state::blocked:
        case attempt::state::refused: break;
        }
        if (is_ordered)
            may_try = false;
    });
    target.events = 0;
}

void epoll_kernel::serve_paused() noexcept {
    detail::intrusive_list<file> now;
    now.splice_back(paused_);
    while (!now.empty())
        serve(now.pop_front());
}

void epoll_kernel::serve_refused() noexcept {
    refused_until_ = time_point::max();
    refused_.for_each([this](request& each) {
        const attempt next = try_now(*each.target, each.sqe(), each.moved);
        if (next.is == attempt::state::done)
            finish(each, next.result, next.flags);
    });
    if (!refused_.empty())
        refused_until_ = now() + refused_pause;
}

// ---- operations -------------------------------------------------------------------------------------------

epoll_kernel::attempt epoll_kernel::try_now(file& target, const io_uring_sqe& sqe,
                                            std::uint32_t& moved) noexcept {
    switch (sqe.opcode) {
    case IORING_OP_RECV:
    case IORING_OP_RECVMSG:
        return sqe.flags & IOSQE_BUFFER_SELECT ? try_recv_into_group(target, sqe)
                                               : try_recv(target, sqe, moved);
    case IORING_OP_SEND:
    case IORING_OP_SENDMSG: return try_send(target, sqe, moved);
    case IORING_OP_ACCEPT: return try_accept(target, sqe);
    case IORING_OP_CONNECT: return try_connect(target, sqe, moved);
    case IORING_OP_POLL_ADD: return try_poll(target, sqe);
    default: return try_transfer(target, sqe);
    }
}

// With MSG_WAITALL, a receive continues until its buffers are full. The end of the stream or an error ends it
// early; the bytes that were received before are then the result.
epoll_kernel::attempt epoll_kernel::try_recv(file& target, const io_uring_sqe& sqe,
                                             std::uint32_t& moved) noexcept {
    const int flags = static_cast<int>(sqe.msg_flags);
    const std::size_t whole = size_of(sqe);
    for (;;) {
        const std::size_t size = moved == 0 ? whole : size_of_next(sqe, moved);
        const long result = receive(sqe, moved);
        note_read(target, result, size, flags);
        if (result == -EAGAIN && !(flags & MSG_DONTWAIT)) {
            if (!target.is_shut || (flags & (MSG_OOB | MSG_ERRQUEUE)) || is_stream(sqe.fd))
                return {attempt::state::blocked};
            return {};  // a receive that waits ends when a datagram socket is shut down
        }
        if (!repeats(sqe) || result <= 0)
            return {.result = moved > 0 && result <= 0 ? static_cast<std::int32_t>(moved)
                                                       : static_cast<std::int32_t>(result)};
        moved += static_cast<std::uint32_t>(result);
        if (moved >= whole)
            return {.result = static_cast<std::int32_t>(moved)};
        if (!target.may_read)
            return {attempt::state::blocked};
    }
}

// A receive that takes its buffer from a group. A multishot receive continues until the descriptor has no
// more data.
epoll_kernel::attempt epoll_kernel::try_recv_into_group(file& target, const io_uring_sqe& sqe) noexcept {
    if (sqe.buf_group >= groups_.size() || !groups_[sqe.buf_group].buffers)
        return {.result = -ENOBUFS};
    if (sqe.opcode == IORING_OP_RECVMSG)
        return try_datagrams(target, sqe);
    buffer_group& from = groups_[sqe.buf_group];
    const int flags = static_cast<int>(sqe.msg_flags);
    for (int received = 0; received < burst_max; ++received) {
        io_uring_buf* buffer = from.next();
        if (!buffer)
            return {.result = -ENOBUFS};
        const std::size_t size = sqe.len > 0 ? std::min(sqe.len, buffer->len) : buffer->len;
        const long result = call(SYS_recvfrom, sqe.fd, pointer<char>(buffer->addr), size,
                                 flags | MSG_DONTWAIT, nullptr, nullptr);
        note_read(target, result, size, flags);
        if (result == -EAGAIN && !(flags & MSG_DONTWAIT)) {
            if (!target.is_shut || is_multishot(sqe) || is_stream(sqe.fd))
                return {attempt::state::blocked};
            return {};  // as in try_recv(); a multishot receive does not end
        }
        if (result <= 0)
            return {.result = static_cast<std::int32_t>(result)};
        const std::uint32_t used = from.use(static_cast<std::size_t>(result));
        if (!is_multishot(sqe) || is_full())
            return {.result = static_cast<std::int32_t>(result), .flags = used};
        complete(sqe.user_data, static_cast<std::int32_t>(result), used | IORING_CQE_F_MORE);
        if (!target.may_read)
            return {attempt::state::blocked};
    }
    return {attempt::state::paused};
}

// A multishot RECVMSG. One system call receives several datagrams. If it returns fewer than it could, the
// socket is empty. An empty datagram ends the operation, after the datagrams received with it.
epoll_kernel::attempt epoll_kernel::try_datagrams(file& target, const io_uring_sqe& sqe) noexcept {
    buffer_group& from = groups_[sqe.buf_group];
    for (int bursts = 0; bursts < 2; ++bursts) {
        bool is_last = is_full();
        const unsigned space = is_last ? 1 : cq_entries_ - completions();
        datagrams wanted(sqe);
        const io_uring_buf* buffers[datagrams::count_max];
        while (const io_uring_buf* buffer = from.next(wanted.count())) {
            if (!wanted.may_add(*buffer) || wanted.count() == space)
                break;
            buffers[wanted.count()] = buffer;
            wanted.add(*buffer);
        }
        if (wanted.count() == 0)
            return {.result = from.next() ? -EFAULT : -ENOBUFS};
        const long received = wanted.receive();
        if (received < 0 && received != -EAGAIN)
            return {.result = static_cast<std::int32_t>(received)};
        const auto count = static_cast<unsigned>(std::max(received, 0l));
        for (unsigned i = 0; i < count; ++i)
            is_last = is_last || wanted.is_empty(i);
        for (unsigned i = 0; i < count; ++i) {
            const auto size = static_cast<std::int32_t>(wanted.finish(i, *buffers[i]));
            const std::uint32_t used = from.use(buffers[i]->len);
            if (is_last && i + 1 == count)
                return {.result = size, .flags = used};
            complete(sqe.user_data, size, used | IORING_CQE_F_MORE);
        }
        if (count < wanted.count()) {
            note_read(target, -EAGAIN, 0, 0);
            return {attempt::state::blocked};
        }
    }
    return {attempt::state::paused};
}

epoll_kernel::attempt epoll_kernel::try_send(file& target, const io_uring_sqe& sqe,
                                             std::uint32_t& moved) noexcept {
    const std::size_t whole = size_of(sqe);
    for (;;) {
        const std::size_t size = moved == 0 ? whole : size_of_next(sqe, moved);
        const long result = send(sqe, moved);
        note_write(target, result, size);
        if (result == -EAGAIN && !(sqe.msg_flags & MSG_DONTWAIT) && !has_no_port(sqe))
            return {attempt::state::blocked};
        if (sqe.opcode == IORING_OP_SENDMSG && result >= 0 && moved == 0)
            share_sent(*pointer<msghdr>(sqe.addr));
        if (!repeats(sqe) || result < 0)
            return {.result = moved > 0 && result < 0 ? static_cast<std::int32_t>(moved)
                                                      : static_cast<std::int32_t>(result)};
        moved += static_cast<std::uint32_t>(result);
        if (moved >= whole)
            return {.result = static_cast<std::int32_t>(moved)};
        if (!target.may_write)
            return {attempt::state::blocked};
    }
}

epoll_kernel::attempt epoll_kernel::try_accept(file& target, const io_uring_sqe& sqe) noexcept {
    make_non_blocking(target);
    const long result = call(SYS_accept4, sqe.fd, pointer<sockaddr>(sqe.addr), pointer<socklen_t>(sqe.addr2),
                             static_cast<int>(sqe.accept_flags));
    if (result == -EAGAIN && target.is_shut)
        return {.result = -EINVAL};  // as an accept that waits, if a UNIX socket is shut down
    if (result == -EAGAIN) {
        target.may_read = false;
        return {attempt::state::blocked};
    }
    if (result >= 0)
        if (file* accepted = add_new(static_cast<int>(result))) {
            accepted->is_tcp = target.is_tcp;
            accepted->always_tries = target.always_tries;
        }
    return {.result = static_cast<std::int32_t>(result)};
}

// connect(2) begins the connect. After an event, SO_ERROR has the result. A further call of connect(2) would
// begin anew if the socket has been shut down.
epoll_kernel::attempt epoll_kernel::try_connect(file& target, const io_uring_sqe& sqe,
                                                std::uint32_t& has_begun) noexcept {
    if (has_begun)
        return continue_connect(target, sqe);
    make_non_blocking(target);
    const auto* address = pointer<const sockaddr>(sqe.addr);
    const long result = call(SYS_connect, sqe.fd, address, static_cast<socklen_t>(sqe.off));
    if (result == -EAGAIN && address->sa_family == AF_UNIX)
        return {attempt::state::refused};
    if (result == 0 || result == -EINPROGRESS) {
        if (target.is_shut && is_stream(sqe.fd))
            target.is_shut = false;  // a new connection; a datagram socket stays shut down
        target.has_ended = target.is_shut;
    }
    if (result != -EINPROGRESS)
        return {.result = static_cast<std::int32_t>(result)};
    has_begun = 1;
    target.may_write = false;
    return {attempt::state::blocked};
}

epoll_kernel::attempt epoll_kernel::continue_connect(const file& target, const io_uring_sqe& sqe) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    if (const long query = call(SYS_getsockopt, sqe.fd, SOL_SOCKET, SO_ERROR, &error, &size); query < 0)
        return {.result = static_cast<std::int32_t>(query)};
    if (error != 0)
        return {.result = -error};
    sockaddr_storage peer{};
    size = sizeof peer;
    const long result = call(SYS_getpeername, sqe.fd, &peer, &size);
    if (result == -ENOTCONN && !(target.events & (EPOLLERR | EPOLLHUP)))
        return {attempt::state::blocked};
    if (result == -ENOTCONN)
        return {.result = -ECONNRESET};  // the socket was shut down
    if (result < 0)
        return {.result = static_cast<std::int32_t>(result)};
    // The state of the socket changes from "connecting" to "connected".
    const long end =
        call(SYS_connect, sqe.fd, pointer<const sockaddr>(sqe.addr), static_cast<socklen_t>(sqe.off));
    return {.result = end == -EISCONN ? 0 : static_cast<std::int32_t>(end)};
}

// When a poll is submitted, poll(2) reports the events that are already there.
epoll_kernel::attempt epoll_kernel::try_poll(file& target, const io_uring_sqe& sqe) noexcept {
    const std::uint32_t wanted = poll_events_of(sqe) | EPOLLERR | EPOLLHUP;
    std::uint32_t ready = target.events & wanted;
    if (target.events == 0) {
        const int now = poll(sqe.fd, static_cast<short>(poll_events_of(sqe)));
        if (now < 0 || (now & POLLNVAL))
            return {.result = now < 0 ? now : -EBADF};
        ready = static_cast<std::uint32_t>(now);
    }
    if (ready == 0)
        return {attempt::state::blocked};
    if (!is_multishot(sqe) || is_full())
        return {.result = static_cast<std::int32_t>(ready)};
    complete(sqe.user_data, static_cast<std::int32_t>(ready), IORING_CQE_F_MORE);
    return {attempt::state::blocked};
}

epoll_kernel::attempt epoll_kernel::try_transfer(file& target, const io_uring_sqe& sqe) noexcept {
    const bool is_read = direction_of(sqe) == direction::read;
    const long result = transfer_now(target, sqe);
    if (result != -EAGAIN)
        return {.result = static_cast<std::int32_t>(result)};
    if (is_read && target.is_shut && !is_stream(sqe.fd))
        return {};  // a read that waits ends when a datagram socket is shut down
    (is_read ? target.may_read : target.may_write) = false;
    return {attempt::state::blocked};
}

// A read(2) or write(2) that does not wait, whatever O_NONBLOCK says.
long epoll_kernel::transfer_now(file& target, const io_uring_sqe& sqe) noexcept {
    const bool is_read = direction_of(sqe) == direction::read;
    const transfer moves(sqe);
    file::method& how = is_read ? target.reads : target.writes;
    if (how == file::method::unknown)
        find_method(target, sqe);
    if (how == file::method::none)
        return moves.on_file(sqe.fd, 0);
    if (how == file::method::message)
        return moves.on_socket();
    if (how == file::method::flag) {
        const long result = moves.on_file(sqe.fd, RWF_NOWAIT);
        if (result != -EOPNOTSUPP)
            return result;
        how = file::method::polled;
    }
    const bool is_pipe_write = target.is_pipe && !is_read;
    if (is_pipe_write && never_waits(sqe.fd, is_read))
        return moves.on_file(sqe.fd, 0);
    const int events = poll(sqe.fd, is_read ? POLLIN : POLLOUT);
    if (events < 0)
        return events;
    if (events > 0)
        return is_pipe_write ? write_to_pipe(moves, sqe.fd) : moves.on_file(sqe.fd, 0);
    return never_waits(sqe.fd, is_read) ? moves.on_file(sqe.fd, 0) : -EAGAIN;
}

// Writes to a writable pipe as long as it has space. Ends after 64 KiB, the usual size of a pipe, even if a
// reader makes space meanwhile.
long epoll_kernel::write_to_pipe(const transfer& moves, int pipe) noexcept {
    const std::size_t whole = std::min(moves.size(), std::size_t{65536});
    std::size_t written = 0;
    do {
        const long result = moves.on_pipe(written);
        if (result <= 0)
            return written > 0 ? static_cast<long>(written) : result;
        written += static_cast<std::size_t>(result);
    } while (written < whole && poll(pipe, POLLOUT) > 0);
    return static_cast<long>(written);
}

void epoll_kernel::find_method(file& target, const io_uring_sqe& sqe) noexcept {
    struct stat about{};
    file::method how = file::method::flag;
    if (::fstat(sqe.fd, &about) < 0 || S_ISBLK(about.st_mode) || S_ISDIR(about.st_mode))
        how = file::method::none;
    else if (S_ISSOCK(about.st_mode))
        how = file::method::message;
    else if (S_ISREG(about.st_mode))
        // epoll refuses a stored file. A file such as /proc/kmsg can be polled, and a read from it may wait.
        how = watch(target, events_for(sqe)) < 0 ? file::method::none : file::method::polled;
    target.is_pipe = S_ISFIFO(about.st_mode);
    (direction_of(sqe) == direction::read ? target.reads : target.writes) = how;
}

// Stores whether a further receive would have to wait. A TCP socket that returned fewer bytes than requested
// is empty. If more bytes have arrived since, epoll reports them.
void epoll_kernel::note_read(file& target, long result, std::size_t size, int flags) noexcept {
    if (target.is_shut || (flags & (MSG_OOB | MSG_ERRQUEUE | MSG_PEEK)))
        return;
    const bool is_short = result > 0 && static_cast<std::size_t>(result) < size;
    if (result == -EAGAIN || (is_short && target.is_tcp && !target.has_ended))
        target.may_read = false;
}

void epoll_kernel::note_write(file& target, long result, std::size_t size) noexcept {
    const bool is_short = result >= 0 && static_cast<std::size_t>(result) < size;
    if (result == -EAGAIN || (is_short && target.is_tcp))
        target.may_write = false;
}

// ---- completions and requests -----------------------------------------------------------------------------

void epoll_kernel::complete(std::uint64_t user_data, std::int32_t result, std::uint32_t flags) noexcept {
    if (is_full()) {
        overflow_.push_back({user_data, result, flags});  // has_memory_for() has made space
        return;
    }
    io_uring_cqe& cqe = reinterpret_cast<io_uring_cqe*>(cqes_.data())[cq_tail_ & cq_mask_];
    cqe.user_data = user_data;
    cqe.res = result;
    cqe.flags = flags;
    ++cq_tail_;
}

void epoll_kernel::finish(request& over, std::int32_t result, std::uint32_t flags) noexcept {
    const std::uint64_t user_data = over.sqe().user_data;
    request** place = place_of(user_data);
    while (*place != &over)
        place = &(*place)->next_of_bucket;
    *place = over.next_of_bucket;
    if (std::uint32_t* count = over.target->waiting_like(over.sqe()); count && !over.is_refused)
        --*count;
    --pending_;
    wake_polls_ -= over.sqe().fd == wake_descriptor();
    free_.push_front(over);  // leaves its list
    complete(user_data, result, flags);
}

void epoll_kernel::flush_overflow() noexcept {
    if (overflow_.empty()) [[likely]]
        return;
    const std::size_t space = cq_entries_ - completions();
    const std::size_t count = std::min(space, overflow_.size());
    std::vector<completion> rest;
    rest.swap(overflow_);
    for (std::size_t i = 0; i < count; ++i)
        complete(rest[i].user_data, rest[i].result, rest[i].flags);
    rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(count));
    rest.swap(overflow_);
}

// Adds a block of free requests. Keeps the hash table at least twice as large as the number of requests.
void epoll_kernel::add_requests() {
    auto block = std::make_unique<request[]>(requests_per_block);
    blocks_.reserve(blocks_.size() + 1);
    const std::size_t total = (blocks_.size() + 1) * requests_per_block;
    if (by_number_.size() < 2 * total) {
        std::vector<request*> before(std::bit_ceil(2 * total));
        before.swap(by_number_);
        for (request* each: before)
            while (each) {
                request* following = each->next_of_bucket;
                each->next_of_bucket = std::exchange(*place_of(each->sqe().user_data), each);
                each = following;
            }
    }
    for (std::size_t i = 0; i < requests_per_block; ++i)
        free_.push_back(block[i]);
    blocks_.push_back(std::move(block));
}

// Returns the first link of the bucket for this number. The numbers are addresses, so their low bits are
// zero.
epoll_kernel::request** epoll_kernel::place_of(std::uint64_t user_data) noexcept {
    const std::uint64_t mixed = user_data * 0x9e3779b97f4a7c15ull;
    return &by_number_[(mixed >> 32) & (by_number_.size() - 1)];
}

void epoll_kernel::remove_requests() noexcept {
    for (const auto& page: files_)
        for (unsigned i = 0; page && i < files_per_page; ++i) {
            free_.splice_back(page[i].waiting);
            page[i].reads_waiting = page[i].writes_waiting = 0;
        }
    free_.splice_back(refused_);
    std::fill(by_number_.begin(), by_number_.end(), nullptr);
    pending_ = wake_polls_ = 0;
    overflow_.clear();
    refused_until_ = time_point::max();
}

io_uring_buf* epoll_kernel::buffer_group::next(unsigned after) const noexcept {
    const std::uint16_t tail = __atomic_load_n(&buffers[0].resv, __ATOMIC_ACQUIRE);
    const unsigned available = static_cast<std::uint16_t>(tail - head);
    return after < available ? &buffers[(head + after) & mask] : nullptr;
}

std::uint32_t epoll_kernel::buffer_group::use(std::size_t size) noexcept {
    io_uring_buf& used = buffers[head & mask];
    const std::uint32_t flags = IORING_CQE_F_BUFFER | static_cast<std::uint32_t>(used.bid)
                                                          << IORING_CQE_BUFFER_SHIFT;
    if (is_incremental && size < used.len) {
        used.addr += size;
        used.len -= static_cast<std::uint32_t>(size);
        return flags | abi::buffer_has_more;
    }
    ++head;
    return flags;
}

// ---- files ------------------------------------------------------------------------------------------------

epoll_kernel::file* epoll_kernel::find(int descriptor) const noexcept {
    const unsigned page = static_cast<unsigned>(descriptor) / files_per_page;
    if (descriptor < 0 || page >= files_.size() || !files_[page])
        return nullptr;
    return &files_[page][static_cast<unsigned>(descriptor) % files_per_page];
}

void epoll_kernel::add_page(int descriptor) {
    const unsigned page = static_cast<unsigned>(descriptor) / files_per_page;
    auto made = std::make_unique<file[]>(files_per_page);
    for (unsigned i = 0; i < files_per_page; ++i)
        made[i].descriptor = static_cast<int>(page * files_per_page + i);
    if (page >= files_.size())
        files_.resize(page + std::size_t{1});
    files_[page] = std::move(made);
}

// Returns null if memory runs out or there is no such descriptor.
epoll_kernel::file* epoll_kernel::find_or_add(int descriptor) noexcept {
    if (file* found = find(descriptor)) [[likely]]
        return found;
    if (::fcntl(descriptor, F_GETFD) < 0)
        return nullptr;
    try {
        add_page(descriptor);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
    return find(descriptor);
}

// Called for a descriptor that the kernel has just returned. If its number was used before and was closed by
// other code, the state of the old descriptor is dropped. Returns null if memory runs out.
epoll_kernel::file* epoll_kernel::add_new(int descriptor) noexcept {
    file* added = descriptor < 0 ? nullptr : find_or_add(descriptor);
    if (added) {
        drop(*added);
        added->users = 1;
    }
    return added;
}

// Registers the descriptor for these events, in addition to those for which it is registered already. epoll
// then reports the events that are there now.
int epoll_kernel::watch(file& target, std::uint32_t events) noexcept {
    const std::uint32_t wanted = target.watched | events | EPOLLET;
    if (wanted == target.watched)
        return 0;
    epoll_event interest{};
    interest.events = wanted;
    interest.data.u64 =
        static_cast<std::uint64_t>(target.generation) << 32 | static_cast<std::uint32_t>(target.descriptor);
    const bool is_first = target.watched == 0;
    long result =
        call(SYS_epoll_ctl, epoll_, is_first ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, target.descriptor, &interest);
    if (result == -EEXIST)  // a program has two sockets with this descriptor
        result = call(SYS_epoll_ctl, epoll_, EPOLL_CTL_MOD, target.descriptor, &interest);
    if (result < 0)
        return static_cast<int>(result);
    target.watched = wanted;
    return 0;
}

bool epoll_kernel::is_in_use(file& target) noexcept {
    bool is_refused = false;
    refused_.for_each([&](const request& each) { is_refused = is_refused || each.target == &target; });
    return is_refused || !target.waiting.empty();
}

bool epoll_kernel::waits_for_accept_or_connect(file& target) noexcept {
    bool waits = false;
    const auto look_at = [&](const request& each) {
        const auto opcode = each.sqe().opcode;
        waits =
            waits || (each.target == &target && (opcode == IORING_OP_ACCEPT || opcode == IORING_OP_CONNECT));
    };
    target.waiting.for_each(look_at);
    refused_.for_each(look_at);
    return waits;
}

void epoll_kernel::unwatch(file& target) noexcept {
    epoll_event unused{};
    if (std::exchange(target.watched, 0) != 0 && epoll_ >= 0)
        call(SYS_epoll_ctl, epoll_, EPOLL_CTL_DEL, target.descriptor, &unused);
}

void epoll_kernel::forget_registration(file& target) noexcept {
    target.unlink();
    ++target.generation;
    target.watched = target.events = 0;
    target.may_read = target.may_write = true;
}

// Forgets the state of a descriptor whose number may be used again. Operations that still wait are ended.
void epoll_kernel::drop(file& target) noexcept {
    target.waiting.for_each([this](request& each) { finish(each, -ECANCELED); });
    refused_.for_each([&](request& each) {
        if (each.target == &target)
            finish(each, -ECANCELED);
    });
    forget_registration(target);
    target.forks = forks::count();
    target.reads = target.writes = file::method::unknown;
    target.always_tries = false;
    target.is_tcp = target.has_ended = target.is_shut = target.is_pipe = target.is_shared = false;
    target.is_in_other_process = target.is_non_blocking = target.is_made_non_blocking = false;
    target.users = 0;
}

// accept(2) and connect(2) have no MSG_DONTWAIT. If other code has the file, it may have cleared the flag.
void epoll_kernel::make_non_blocking(file& target) noexcept {
    const bool is_ours = !target.is_shared && target.forks == forks::count();
    if (std::exchange(target.is_non_blocking, true) && is_ours)
        return;
    const int flags = ::fcntl(target.descriptor, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK))
        return;
    if (::fcntl(target.descriptor, F_SETFL, flags | O_NONBLOCK) == 0)
        target.is_made_non_blocking = true;
}

// The receiver of a descriptor has a duplicate of it.
void epoll_kernel::share_sent(const msghdr& message) noexcept {
    auto* all = const_cast<msghdr*>(&message);
    for (cmsghdr* each = CMSG_FIRSTHDR(all); each; each = CMSG_NXTHDR(all, each)) {
        if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS)
            continue;
        for (std::size_t at = 0; at + sizeof(int) <= each->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
            int descriptor;
            std::memcpy(&descriptor, CMSG_DATA(each) + at, sizeof descriptor);
            share(descriptor);
            if (file* sent = find(descriptor))
                sent->is_in_other_process = true;
        }
    }
}

// ---- calls that are not batched ---------------------------------------------------------------------------

int epoll_kernel::socket(int family, int type, int protocol) {
    const bool may_wait = type == SOCK_STREAM || type == SOCK_SEQPACKET;  // in accept(2) and connect(2)
    const int made = linux_kernel::socket(family, may_wait ? type | SOCK_NONBLOCK : type, protocol);
    if (file* added = add_new(made)) {
        added->is_tcp = (family == AF_INET || family == AF_INET6) && type == SOCK_STREAM &&
                        (protocol == 0 || protocol == IPPROTO_TCP);
        added->is_non_blocking = added->is_made_non_blocking = may_wait;
    }
    return made;
}

int epoll_kernel::socketpair(int family, int type, int protocol, int (&descriptors)[2]) {
    const int failure = linux_kernel::socketpair(family, type, protocol, descriptors);
    if (failure == 0)
        for (const int each: descriptors)
            add_new(each);
    return failure;
}

// If the file stays open elsewhere, epoll would continue to report its events, so the registration has to be
// removed first.
int epoll_kernel::close(int descriptor) {
    if (file* closed = find(descriptor)) {
        if (closed->is_shared || closed->forks != forks::count())
            unwatch(*closed);
        drop(*closed);
    }
    return linux_kernel::close(descriptor);
}

// epoll does not report the end of a UNIX socket's sending direction, so a send that waits is tried again.
int epoll_kernel::shutdown(int descriptor, int how) {
    const int result = linux_kernel::shutdown(descriptor, how);
    file* target = find(descriptor);
    if (result >= 0 && how != SHUT_RD && target && target->writes_waiting > 0) {
        target->may_write = true;
        paused_.push_back(*target);
    }
    return result;
}

// If no object has the descriptor, a descriptor with this number may have been closed by other code, which
// has also removed its registration.
void epoll_kernel::adopt(int descriptor) noexcept {
    file* adopted = find_or_add(descriptor);
    if (!adopted)
        return;
    const bool is_foreign = adopted->users == 0;
    if (is_foreign && !is_in_use(*adopted))
        drop(*adopted);
    else if (const std::uint32_t watched = std::exchange(adopted->watched, 0); watched != 0)
        watch(*adopted, watched);
    ++adopted->users;
    adopted->is_shared = true;
    adopted->is_in_other_process = adopted->is_in_other_process || is_foreign;
    int least = 1;
    socklen_t size = sizeof least;
    if (call(SYS_getsockopt, descriptor, SOL_SOCKET, SO_RCVLOWAT, &least, &size) == 0 && least > 1)
        adopted->always_tries = true;
}

void epoll_kernel::share(int descriptor) noexcept {
    if (file* shared = find_or_add(descriptor))
        shared->is_shared = true;
}

// If another object of this context uses the same descriptor, its state stays.
void epoll_kernel::release(int descriptor) noexcept {
    file* left = find(descriptor);
    if (!left)
        return;
    if (left->users > 0)
        --left->users;
    if (left->users > 0 || is_in_use(*left))
        return;
    unwatch(*left);
    if (left->is_made_non_blocking && !left->is_in_other_process && left->forks == forks::count())
        ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
    drop(*left);
}

int epoll_kernel::sendto(int descriptor, const void* data, std::size_t size, int flags,
                         const sockaddr* address, unsigned address_size) {
    const int result = linux_kernel::sendto(descriptor, data, size, flags, address, address_size);
    if (file* target = find(descriptor))
        note_write(*target, result, size);
    return result;
}

int epoll_kernel::sendmsg(int descriptor, const msghdr& message, int flags) {
    const int result = linux_kernel::sendmsg(descriptor, message, flags);
    if (message.msg_controllen > 0 && result >= 0)
        share_sent(message);
    if (file* target = find(descriptor))
        note_write(*target, result, size_of(message));
    return result;
}

int epoll_kernel::setsockopt(int descriptor, int level, int name, const void* value, unsigned size) {
    file* target = find(descriptor);
    if (target && level == SOL_SOCKET && name == SO_RCVLOWAT)
        target->always_tries = true;
    return linux_kernel::setsockopt(descriptor, level, name, value, size);
}

// The program sees and sets O_NONBLOCK as if this engine did not use it. Only accept(2) and connect(2) need
// the flag.
int epoll_kernel::fcntl(int descriptor, int command, int argument) {
    file* target = find(descriptor);
    if (command == F_DUPFD_CLOEXEC) {
        const int made = linux_kernel::fcntl(descriptor, command, argument);
        if (file* added = add_new(made); added && target)
            added->is_tcp = target->is_tcp;
        return made;
    }
    if (!target || (command != F_GETFL && command != F_SETFL))
        return linux_kernel::fcntl(descriptor, command, argument);
    if (command == F_GETFL) {
        const int flags = linux_kernel::fcntl(descriptor, command, argument);
        return flags >= 0 && target->is_made_non_blocking ? flags & ~O_NONBLOCK : flags;
    }
    const bool is_needed = waits_for_accept_or_connect(*target);
    const int result = linux_kernel::fcntl(descriptor, command, is_needed ? argument | O_NONBLOCK : argument);
    if (result >= 0) {
        target->is_non_blocking = is_needed;  // the next accept or connect sets the flag again if it has to
        target->is_made_non_blocking = is_needed && !(argument & O_NONBLOCK);
    }
    return result;
}

// ---- set-up and teardown ----------------------------------------------------------------------------------

epoll_kernel::epoll_kernel() noexcept = default;

epoll_kernel::~epoll_kernel() {
    close_number(epoll_);
    remove_requests();
}

int epoll_kernel::set_up(io_uring& memory, const parameters& wanted) {
    if (const int failure = open_wake(); failure < 0)
        return refuse("eventfd2", failure);
    remove_requests();
    for (const auto& page: files_)
        for (unsigned i = 0; page && i < files_per_page; ++i)
            forget_registration(page[i]);
    groups_.clear();

    sq_entries_ = std::bit_ceil(std::clamp(wanted.entries, 1u, entries_max));
    cq_entries_ = std::bit_ceil(std::clamp(std::max(wanted.completions, sq_entries_), 1u, 2 * entries_max));
    detail::mapping sqes(sq_entries_ * sizeof(io_uring_sqe));
    detail::mapping cqes(cq_entries_ * sizeof(io_uring_cqe));
    if (!sqes.data() || !cqes.data())
        return refuse("mmap", -ENOMEM);
    if (by_number_.empty()) {
        try {
            by_number_.resize(2 * requests_per_block);
        } catch (const std::bad_alloc&) {
            return refuse("malloc", -ENOMEM);
        }
    }
    const int made = own(::epoll_create1(EPOLL_CLOEXEC));
    if (made < 0)
        return refuse("epoll_create1", made);
    close_number(epoll_);
    epoll_ = made;
    sqes_ = std::move(sqes);
    cqes_ = std::move(cqes);
    sq_mask_ = sq_entries_ - 1;
    cq_mask_ = cq_entries_ - 1;
    sq_head_ = sq_tail_ = sq_flags_ = cq_head_ = cq_tail_ = 0;

    memory = {};
    memory.ring_fd = epoll_;
    memory.sq.khead = &sq_head_;
    memory.sq.ktail = &sq_tail_;
    memory.sq.kring_mask = &sq_mask_;
    memory.sq.kring_entries = &sq_entries_;
    memory.sq.kflags = &sq_flags_;
    memory.sq.kdropped = &sq_dropped_;
    memory.sq.sqes = reinterpret_cast<io_uring_sqe*>(sqes_.data());
    memory.cq.khead = &cq_head_;
    memory.cq.ktail = &cq_tail_;
    memory.cq.kring_mask = &cq_mask_;
    memory.cq.kring_entries = &cq_entries_;
    memory.cq.kflags = &cq_flags_;
    memory.cq.koverflow = &cq_overflow_;
    memory.cq.cqes = reinterpret_cast<io_uring_cqe*>(cqes_.data());
    return 0;
}

int epoll_kernel::enable(io_uring&) {
    owner_ = ::pthread_self();
    is_enabled_ = true;
    return 0;
}

int epoll_kernel::register_buffers(io_uring&, const buffer_ring& buffers, std::uint16_t group,
                                   bool incremental) {
    try {
        if (group >= groups_.size())
            groups_.resize(group + std::size_t{1});
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    }
    groups_[group] = {buffers.data(), buffers.entries() - 1, 0, incremental};
    return 0;
}

// The kernel does not know the operations' memory, so no operation can be left in flight.
bool epoll_kernel::tear_down(io_uring& memory, bool, time_point) {
    const std::lock_guard held(forks::lock());
    close_number(epoll_);
    memory.ring_fd = -1;
    is_enabled_ = false;
    remove_requests();
    return true;
}

void epoll_kernel::forget() noexcept {
    close_number(epoll_);
    close_wake();
    is_enabled_ = false;
}

}  // namespace coil::COIL_ABI::ring
