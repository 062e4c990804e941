// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/uring_kernel.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "ring/abi.hpp"
#include "ring/fork.hpp"
#include "ring/sigpipe_guard.hpp"

namespace coil::COIL_ABI::ring {
namespace {

// Linux 6.1 supports all these flags. A subset of them is not useful, so set_up() does not retry with fewer
// flags if the kernel refuses them.
constexpr unsigned setup_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
                                 IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;

// Registering the ring's descriptor with the thread saves 50 ns per enter but costs two system calls. This is
// worthwhile in run(), but not in a poll() that enters the ring only once.
constexpr unsigned enters_before_registering = 4;

std::atomic<bool> pretending_6_1{false};

// Returns the field after bgid, which is called `pad` in liburing 2.3 and `flags` in newer versions.
template <class Registration>
std::uint16_t& flags_of(Registration& shared) noexcept {
    if constexpr (requires { shared.flags; })
        return shared.flags;
    else
        return shared.pad;
}

}  // namespace

namespace {

struct probed_operation {
    std::uint8_t opcode;
    const char* name;
};

// Every opcode that coil uses. Without a descriptor, an opcode that is allowed completes with -EBADF, a
// cancel with -ENOENT, and a nop with 0.
constexpr probed_operation probed_operations[] = {
    {IORING_OP_NOP, "IORING_OP_NOP"},           {IORING_OP_ASYNC_CANCEL, "IORING_OP_ASYNC_CANCEL"},
    {IORING_OP_POLL_ADD, "IORING_OP_POLL_ADD"}, {IORING_OP_ACCEPT, "IORING_OP_ACCEPT"},
    {IORING_OP_CONNECT, "IORING_OP_CONNECT"},   {IORING_OP_RECV, "IORING_OP_RECV"},
    {IORING_OP_RECVMSG, "IORING_OP_RECVMSG"},   {IORING_OP_SEND, "IORING_OP_SEND"},
    {IORING_OP_SENDMSG, "IORING_OP_SENDMSG"},   {IORING_OP_READ, "IORING_OP_READ"},
    {IORING_OP_READV, "IORING_OP_READV"},       {IORING_OP_WRITE, "IORING_OP_WRITE"},
    {IORING_OP_WRITEV, "IORING_OP_WRITEV"},
};

bool is_denied(int result) noexcept { return result == -EACCES || result == -EPERM || result == -EINVAL; }

// Submits one SQE of each opcode. Returns the first refusal.
refusal probe_operations(uring_kernel& kernel, io_uring& memory) {
    constexpr unsigned count = std::size(probed_operations);
    const unsigned tail = *memory.sq.ktail;
    msghdr nothing{};
    for (unsigned i = 0; i < count; ++i) {
        io_uring_sqe* sqe = &memory.sq.sqes[(tail + i) & *memory.sq.kring_mask];
        std::memset(sqe, 0, sizeof *sqe);
        sqe->opcode = probed_operations[i].opcode;
        sqe->fd = -1;
        if (sqe->opcode == IORING_OP_RECVMSG || sqe->opcode == IORING_OP_SENDMSG)
            sqe->addr = reinterpret_cast<std::uintptr_t>(&nothing);
        sqe->user_data = i;
    }
    __atomic_store_n(memory.sq.ktail, tail + count, __ATOMIC_RELEASE);
    refusal found;
    for (unsigned collected = 0; collected < count;) {
        const time_point deadline = kernel.now() + std::chrono::seconds(1);
        const int result = kernel.enter(memory, tail + count - *memory.sq.khead, 1, deadline);
        if (result < 0 && result != -EINTR)
            return {-result, "io_uring_enter"};
        const unsigned end = __atomic_load_n(memory.cq.ktail, __ATOMIC_ACQUIRE);
        for (unsigned head = *memory.cq.khead; head != end; ++head, ++collected) {
            const io_uring_cqe& cqe = memory.cq.cqes[head & *memory.cq.kring_mask];
            if (is_denied(cqe.res) && found.error == 0)
                found = {-cqe.res, probed_operations[cqe.user_data].name};
        }
        __atomic_store_n(memory.cq.khead, end, __ATOMIC_RELEASE);
    }
    return found;
}

}  // namespace

refusal uring_kernel::probe() {
    uring_kernel kernel;
    io_uring memory{};
    if (const int failure = kernel.set_up(memory, {16, 32}); failure < 0)
        return {-failure, kernel.refused_call()};
    const buffer_ring buffers(4);
    int failure = kernel.enable(memory);
    if (failure == 0)
        failure = buffers.data() ? kernel.register_buffers(memory, buffers, 0, false) : -ENOMEM;
    const refusal found =
        failure < 0 ? refusal{-failure, kernel.refused_call()} : probe_operations(kernel, memory);
    kernel.tear_down(memory, false, {});
    return found;
}

void uring_kernel::pretend_6_1(bool pretend) noexcept { pretending_6_1 = pretend; }

uring_kernel::~uring_kernel() { close_number(hang_up_); }

// After a failure, nothing is left open or mapped except the eventfd.
int uring_kernel::set_up(io_uring& memory, const parameters& wanted) {
    if (const int failure = open_wake(); failure < 0)
        return refuse("eventfd2", failure);

    io_uring_params granted{};
    const auto set_up_with = [&](unsigned flags) {
        granted = {};
        granted.flags = flags;
        granted.cq_entries = std::max({wanted.completions, wanted.entries, 1u});
        return io_uring_setup(std::max(wanted.entries, 1u), &granted);
    };
    // NO_SQARRAY (since 6.6) removes the indirection from a queue position to its SQE.
    int descriptor = pretending_6_1 ? -EINVAL : set_up_with(setup_flags | abi::setup_no_sqarray);
    if (descriptor == -EINVAL)
        descriptor = set_up_with(setup_flags);
    if (descriptor >= 0)
        descriptor = own(descriptor);
    if (descriptor < 0)
        return refuse("io_uring_setup", descriptor);

    io_uring made{};
    if (const int failure = io_uring_queue_mmap(descriptor, &granted, &made); failure < 0) {
        ::close(descriptor);
        return refuse("mmap", failure);
    }
    made.ring_fd = descriptor;
    made.features = pretending_6_1 ? granted.features & abi::features_of_6_1 : granted.features;
    made.flags = granted.flags;
    // Without NO_SQARRAY, the submission queue is an array of SQE indexes. Position i always holds index i.
    if (!(granted.flags & abi::setup_no_sqarray))
        for (unsigned i = 0; i < granted.sq_entries; ++i)
            made.sq.array[i] = i;
    io_uring_ring_dontfork(&made);
    if (const int failure = hold_pipe(made); failure < 0) {
        io_uring_queue_exit(&made);
        return failure;
    }

    memory = made;
    ring_ = enter_descriptor_ = descriptor;
    enter_flags_ = memory.features & abi::feature_no_iowait ? abi::enter_no_iowait : 0;
    return 0;
}

// Requests can outlive their ring's descriptor. The ring holds the only write end of this pipe, so the read
// end hangs up when the last request has ended. A thread other than the ring's owner can wait for the
// hang-up.
int uring_kernel::hold_pipe(const io_uring& memory) noexcept {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0)
        return refuse("pipe2", -errno);
    const int failure =
        io_uring_register(static_cast<unsigned>(memory.ring_fd), IORING_REGISTER_FILES, &ends[1], 1);
    ::close(ends[1]);
    if (failure < 0) {
        ::close(ends[0]);
        return refuse("io_uring_register", failure);
    }
    const int ours = own(ends[0]);
    if (ours < 0)
        return refuse("fcntl", ours);
    close_number(hang_up_);
    hang_up_ = ours;
    return 0;
}

// This is a single system call, so it may be repeated after a failure.
int uring_kernel::enable(io_uring& memory) {
    const int failure =
        io_uring_register(static_cast<unsigned>(memory.ring_fd), IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    return failure < 0 ? refuse("io_uring_register", failure) : 0;
}

void uring_kernel::set_in_run(io_uring& memory, bool in_run) {
    in_run_ = in_run;
    enters_in_run_ = 0;
    // Always unregister the ring's descriptor at the end of a run, because a registered descriptor keeps the
    // ring alive until the thread ends.
    if (!in_run && registered_)
        unregister_descriptor(memory);
}

int uring_kernel::enter(io_uring& memory, unsigned to_submit, unsigned wait, time_point deadline) {
    if (in_run_ && !registered_ && ++enters_in_run_ == enters_before_registering)
        register_descriptor(memory);
    if (!holds_sigpipe()) [[likely]]
        return enter_now(to_submit, wait, deadline);
    const sigpipe_guard without_signal;
    return enter_now(to_submit, wait, deadline);
}

int uring_kernel::enter_now(unsigned to_submit, unsigned wait, time_point deadline) {
    const unsigned flags = IORING_ENTER_GETEVENTS | enter_flags_;
    if (wait == 0 || deadline == time_point::max())
        return io_uring_enter2(static_cast<unsigned>(enter_descriptor_), to_submit, wait, flags, nullptr,
                               _NSIG / 8);

    const auto left = std::min<time_point::duration>(detail::time_until(deadline, now()), longest_wait);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    __kernel_timespec timeout{seconds.count(), (left - seconds).count()};
    io_uring_getevents_arg argument{};
    argument.ts = reinterpret_cast<std::uintptr_t>(&timeout);
    return io_uring_enter2(static_cast<unsigned>(enter_descriptor_), to_submit, wait,
                           flags | IORING_ENTER_EXT_ARG, reinterpret_cast<sigset_t*>(&argument),
                           sizeof argument);
}

int uring_kernel::register_buffers(io_uring& memory, const buffer_ring& buffers, std::uint16_t group,
                                   bool incremental) {
    if (incremental && pretending_6_1)
        return -EINVAL;
    io_uring_buf_reg shared{};
    shared.ring_addr = reinterpret_cast<std::uintptr_t>(buffers.data());
    shared.ring_entries = buffers.entries();
    shared.bgid = group;
    flags_of(shared) = incremental ? abi::buffer_ring_incremental : 0;
    return io_uring_register(static_cast<unsigned>(memory.ring_fd), IORING_REGISTER_PBUF_RING, &shared, 1);
}

bool uring_kernel::tear_down(io_uring& memory, bool operations, time_point deadline) {
    {
        const std::lock_guard held(forks::lock());
        io_uring_queue_exit(&memory);
        memory.ring_fd = ring_ = enter_descriptor_ = -1;
    }
    if (!operations)
        return true;
    pollfd end{hang_up_, POLLIN, 0};
    int hung_up;
    do
        hung_up = ::poll(&end, 1, milliseconds_until(deadline, now()));
    while (hung_up < 0 && errno == EINTR);
    return hung_up > 0;
}

// Called in a child of fork(2). The ring's memory is not mapped in the child, and something else may be
// mapped at its address.
void uring_kernel::forget() noexcept {
    close_number(ring_);
    close_wake();
    close_number(hang_up_);
    enter_descriptor_ = -1;
    enter_flags_ = 0;
    in_run_ = registered_ = false;
}

void uring_kernel::register_descriptor(const io_uring& memory) noexcept {
    io_uring_rsrc_update update{};
    update.offset = ~0u;
    update.data = static_cast<unsigned long long>(memory.ring_fd);
    if (io_uring_register(static_cast<unsigned>(memory.ring_fd), abi::register_ring_descriptors, &update,
                          1) != 1)
        return;  // the thread's table of 16 rings is full, so use the plain descriptor
    enter_descriptor_ = static_cast<int>(update.offset);
    enter_flags_ |= abi::enter_registered_ring;
    registered_ = true;
}

void uring_kernel::unregister_descriptor(const io_uring& memory) noexcept {
    io_uring_rsrc_update update{};
    update.offset = static_cast<unsigned>(enter_descriptor_);
    io_uring_register(static_cast<unsigned>(memory.ring_fd), abi::unregister_ring_descriptors, &update, 1);
    enter_descriptor_ = memory.ring_fd;
    enter_flags_ &= ~abi::enter_registered_ring;
    registered_ = false;
}

}  // namespace coil::COIL_ABI::ring
