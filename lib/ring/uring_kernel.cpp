// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/uring_kernel.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include "ring/abi.hpp"
#include "ring/diagnosis.hpp"
#include "ring/fork.hpp"
#include "ring/sigpipe_guard.hpp"
#include "ring/user_memory.hpp"

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

int result_of(int returned) noexcept { return returned < 0 ? -errno : returned; }

// The kernel adds the timeout to its own clock. A limit of one year keeps that sum far from overflow. If the
// deadline is further away, the loop waits again.
constexpr std::chrono::hours longest_wait{24 * 365};

int milliseconds_until(time_point deadline, time_point now) noexcept {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(detail::time_until(deadline, now)).count();
    return static_cast<int>(std::clamp<long long>(left, 0, 3'600'000));
}

// Moves a new descriptor above stdin, stdout and stderr. A program may be started with these three closed,
// and its output to stdout must not be written to a ring or a connection. `descriptor` may also be an error,
// that is, -1 with errno set, or a negative errno. Returns the descriptor or a negative errno.
int own(int descriptor) noexcept {
    if (descriptor == -1)
        return -errno;
    if (descriptor < 0 || descriptor > STDERR_FILENO) [[likely]]
        return descriptor;
    const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    const int result = moved < 0 ? -errno : moved;
    ::close(descriptor);
    return result;
}

void close_number(int& number) noexcept {
    if (number >= 0)
        ::close(std::exchange(number, -1));
}

// Returns the field after bgid, which is called `pad` in liburing 2.3 and `flags` in newer versions.
template <class Registration>
std::uint16_t& flags_of(Registration& shared) noexcept {
    if constexpr (requires { shared.flags; })
        return shared.flags;
    else
        return shared.pad;
}

}  // namespace

void uring_kernel::pretend_6_1(bool pretend) noexcept { pretending_6_1 = pretend; }

uring_kernel::~uring_kernel() {
    close_number(hang_up_);
    close_number(wake_);
}

// After a failure, nothing is left open or mapped except the eventfd. All rings that this object sets up use
// the same eventfd, because other threads may be writing to it.
int uring_kernel::set_up(io_uring& memory, const parameters& wanted) {
    if (wake_ < 0)
        wake_ = own(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (wake_ < 0)
        return refuse("eventfd2", wake_);

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

int uring_kernel::refuse(const char* call, int failure) noexcept {
    refused_call_ = call;
    return failure;
}

std::string uring_kernel::diagnose(int error) const {
    return coil::ring::diagnose(error, circumstances_of_this_process(), refused_call_);
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
    if (sigpipe_holders_ == 0) [[likely]]
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
    close_number(wake_);
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

void uring_kernel::wake() noexcept {
    const int error = errno;  // preserved for callers in a signal handler
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
    errno = error;
}

// Reading the eventfd consumes the wake-up, so that the next wait blocks. No post is lost, because a posting
// thread pushes to the inbox before it wakes the loop.
void uring_kernel::wait_for_wake(time_point deadline) noexcept {
    pollfd event{wake_, POLLIN, 0};
    if (::poll(&event, 1, milliseconds_until(deadline, now())) <= 0)
        return;
    std::uint64_t wakes;
    [[maybe_unused]] const auto taken = ::read(wake_, &wakes, sizeof wakes);
}

int uring_kernel::socket(int family, int type, int protocol) {
    return own(::socket(family, type | SOCK_CLOEXEC, protocol));
}

int uring_kernel::socketpair(int family, int type, int protocol, int (&descriptors)[2]) {
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

int uring_kernel::bind(int descriptor, const sockaddr* address, unsigned size) {
    return result_of(::bind(descriptor, address, size));
}

int uring_kernel::listen(int descriptor, int backlog) { return result_of(::listen(descriptor, backlog)); }

int uring_kernel::shutdown(int descriptor, int how) { return result_of(::shutdown(descriptor, how)); }

int uring_kernel::close(int descriptor) { return result_of(::close(descriptor)); }

// Makes a direct system call. The C library's functions are POSIX cancellation points, so each call would
// execute two more locked instructions as soon as the process has a second thread.
int uring_kernel::sendto(int descriptor, const void* data, std::size_t size, int flags,
                         const sockaddr* address, unsigned address_size) {
    check_read(data, size);
    check_read(address, address_size);
    return result_of(
        static_cast<int>(::syscall(SYS_sendto, descriptor, data, size, flags, address, address_size)));
}

int uring_kernel::sendmsg(int descriptor, const msghdr& message, int flags) {
    check_read(message);
    return result_of(static_cast<int>(::syscall(SYS_sendmsg, descriptor, &message, flags)));
}

int uring_kernel::setsockopt(int descriptor, int level, int name, const void* value, unsigned size) {
    return result_of(::setsockopt(descriptor, level, name, value, size));
}

int uring_kernel::getsockopt(int descriptor, int level, int name, void* value, unsigned* size) {
    return result_of(::getsockopt(descriptor, level, name, value, size));
}

int uring_kernel::fcntl(int descriptor, int command, int argument) {
    return result_of(::fcntl(descriptor, command, argument));
}

int uring_kernel::getsockname(int descriptor, sockaddr* address, unsigned* size) {
    return result_of(::getsockname(descriptor, address, size));
}

int uring_kernel::getpeername(int descriptor, sockaddr* address, unsigned* size) {
    return result_of(::getpeername(descriptor, address, size));
}

int uring_kernel::sockatmark(int descriptor) { return result_of(::sockatmark(descriptor)); }

int uring_kernel::poll(int descriptor, short events) {
    pollfd one{descriptor, events, 0};
    const int result = ::poll(&one, 1, 0);
    return result < 0 ? -errno : one.revents;
}

time_point uring_kernel::now() const noexcept { return std::chrono::steady_clock::now(); }

}  // namespace coil::COIL_ABI::ring
