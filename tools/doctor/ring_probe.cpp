// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "doctor/ring_probe.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <system_error>

#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring/abi.hpp"
#include "ring/buffer_ring.hpp"
#include "ring/epoll_kernel.hpp"
#include "ring/uring_kernel.hpp"

namespace doctor {
namespace {

namespace abi = coil::ring::abi;
using coil::ring::buffer_ring;
using coil::ring::epoll_kernel;
using coil::ring::uring_kernel;
using std::chrono::seconds;

constexpr seconds reply_timeout{1};     // for an operation that completes immediately
constexpr unsigned probe_timeout = 10;  // seconds, for the whole probe

// Returns the errno of a call whose result is a negative errno on failure; 0 on success.
int error_of(int returned) noexcept { return returned < 0 ? -returned : 0; }

// Returns the result of a C library call. Throws if the call failed.
int checked(int returned, const char* what) {
    if (returned < 0)
        throw std::system_error(errno, std::system_category(), what);
    return returned;
}

int register_descriptor(const io_uring& memory) noexcept {
    io_uring_rsrc_update update{};
    update.offset = ~0u;
    update.data = static_cast<unsigned long long>(memory.ring_fd);
    const int done =
        io_uring_register(static_cast<unsigned>(memory.ring_fd), abi::register_ring_descriptors, &update, 1);
    return done == 1 ? 0 : done < 0 ? -done : EMFILE;
}

/// Submits multishot operations to a ring. The operations are chosen so that each can complete immediately.
class trial {
public:
    trial(uring_kernel& kernel, io_uring& memory) noexcept : kernel_(kernel), memory_(memory) {}

    /// Returns 0 if the operation completes and stays armed, otherwise an errno.
    template <class Prepare>
    int submit(Prepare prepare) {
        const unsigned tail = *memory_.sq.ktail;
        io_uring_sqe& sqe = memory_.sq.sqes[tail & *memory_.sq.kring_mask];
        sqe = {};
        prepare(sqe);
        sqe.user_data = ++submitted_;
        // Release order, so that the kernel sees the filled SQE.
        __atomic_store_n(memory_.sq.ktail, tail + 1, __ATOMIC_RELEASE);

        const auto deadline = kernel_.now() + reply_timeout;
        for (unsigned to_submit = 1; kernel_.now() < deadline;) {
            const int taken = kernel_.enter(memory_, to_submit, 1, deadline);
            if (taken < 0 && taken != -ETIME && taken != -EINTR)
                return -taken;
            if (taken > 0)
                to_submit = 0;
            if (const int answer = collect(); answer != ring_answers::not_asked)
                return answer;
        }
        return ETIME;
    }

private:
    // Consumes the completions. Returns the result of the operation submitted last, or not_asked if it
    // has not completed yet.
    int collect() noexcept {
        int answer = ring_answers::not_asked;
        unsigned head = *memory_.cq.khead;
        for (; head != __atomic_load_n(memory_.cq.ktail, __ATOMIC_ACQUIRE); ++head) {
            const io_uring_cqe& cqe = memory_.cq.cqes[head & *memory_.cq.kring_mask];
            if (cqe.user_data == submitted_ && answer == ring_answers::not_asked)
                answer = cqe.flags & IORING_CQE_F_MORE ? 0 : cqe.res < 0 ? -cqe.res : EOPNOTSUPP;
        }
        __atomic_store_n(memory_.cq.khead, head, __ATOMIC_RELEASE);
        return answer;
    }

    uring_kernel& kernel_;
    io_uring& memory_;
    std::uint64_t submitted_ = 0;
};

// The descriptors opened below are closed when the process ends.

int readable_event() { return checked(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"); }

// Returns a socket whose peer has sent a byte.
int written_socket(int type) {
    int ends[2];
    checked(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), "socketpair");
    const char byte = 0;
    checked(static_cast<int>(::send(ends[1], &byte, 1, MSG_NOSIGNAL)), "send");
    return ends[0];
}

constexpr std::uint16_t group = 0;

void probe_operations(ring_answers& answers, trial on_ring) {
    answers.multishot_poll = on_ring.submit(
        [](io_uring_sqe& sqe) { io_uring_prep_poll_multishot(&sqe, readable_event(), POLLIN); });
    answers.multishot_recv = on_ring.submit([](io_uring_sqe& sqe) {
        io_uring_prep_recv_multishot(&sqe, written_socket(SOCK_STREAM), nullptr, 0, 0);
        sqe.flags |= IOSQE_BUFFER_SELECT;
        sqe.buf_group = group;
    });
    msghdr message{};
    answers.multishot_recvmsg = on_ring.submit([&](io_uring_sqe& sqe) {
        io_uring_prep_recvmsg_multishot(&sqe, written_socket(SOCK_DGRAM), &message, 0);
        sqe.flags |= IOSQE_BUFFER_SELECT;
        sqe.buf_group = group;
    });
}

// Checks whether a ring needs locked memory. The check sets RLIMIT_MEMLOCK to 0, so it must be the last
// probe.
int probe_without_memlock() {
    rlimit none{};
    checked(::getrlimit(RLIMIT_MEMLOCK, &none), "getrlimit");
    none.rlim_cur = 0;
    checked(::setrlimit(RLIMIT_MEMLOCK, &none), "setrlimit");
    uring_kernel kernel;
    io_uring memory{};
    return error_of(kernel.set_up(memory, {}));
}

// Probes all features with a single ring, because a second ring may exceed the limits. Only the probe for
// locked memory uses another ring.
void probe_features(ring_answers& answers) {
    // The buffers are declared before the ring, so that the memory into which the kernel receives is
    // destroyed after the ring.
    std::array<std::array<std::byte, 512>, 4> bytes{};
    buffer_ring plain(bytes.size());
    const buffer_ring incremental(bytes.size());
    if (!plain.data() || !incremental.data())
        throw std::bad_alloc();

    uring_kernel kernel;
    io_uring memory{};
    answers.set_up = error_of(kernel.set_up(memory, {}));
    if (answers.set_up != 0)
        return;
    answers.no_index_array = memory.flags & abi::setup_no_sqarray ? 0 : EINVAL;
    answers.no_iowait = memory.features & abi::feature_no_iowait ? 0 : EINVAL;
    answers.enable = error_of(kernel.enable(memory));
    if (answers.enable == 0) {
        answers.registered_ring = register_descriptor(memory);
        answers.buffers = error_of(kernel.register_buffers(memory, plain, group, false));
        answers.incremental_buffers = error_of(kernel.register_buffers(memory, incremental, group + 1, true));
    }
    if (answers.buffers == 0) {
        std::uint16_t number = 0;
        for (auto& each: bytes)
            plain.provide(each.data(), each.size(), number++);
        probe_operations(answers, trial(kernel, memory));
        answers.without_memlock = probe_without_memlock();
    }
    kernel.tear_down(memory, false, kernel.now());
}

// Waits once on the epoll engine, as an io_context does.
void probe_epoll(ring_answers& answers) {
    epoll_kernel kernel;
    io_uring memory{};
    answers.epoll = error_of(kernel.set_up(memory, {}));
    answers.epoll_call = kernel.refused_call();
    if (answers.epoll != 0)
        return;
    kernel.enable(memory);
    const int waited = kernel.enter(memory, 0, 1, kernel.now());
    answers.epoll = waited == -ETIME ? 0 : error_of(waited);
    answers.epoll_call = kernel.wait_call();
    const timespec none{};
    const long result = ::syscall(SYS_epoll_pwait2, memory.ring_fd, &memory, 0, &none, nullptr, 0);
    answers.epoll_pwait2 =
        result < 0 && errno != EINVAL ? errno : 0;  // EINVAL, because it waits for no event
    kernel.tear_down(memory, false, kernel.now());
}

void run_probe(ring_answers& answers) noexcept {
    try {
        probe_epoll(answers);
        answers.refusal = uring_kernel::probe();
        probe_features(answers);
    } catch (const std::system_error& failure) {
        // A call such as eventfd(2) has failed. The kernel has not refused io_uring, but the probe cannot
        // continue.
        answers.set_up = failure.code().value();
    } catch (const std::bad_alloc&) {
        answers.set_up = ENOMEM;
    }
}

}  // namespace

ring_answers probe_ring() {
    // The results are in memory that is shared with the child process, so that they are available even if the
    // child is killed.
    void* memory =
        ::mmap(nullptr, sizeof(ring_answers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        throw std::system_error(errno, std::system_category(), "mmap");
    auto* shared = new (memory) ring_answers;

    const pid_t child = checked(::fork(), "fork");
    if (child == 0) {
        ::alarm(probe_timeout);
        run_probe(*shared);
        ::_exit(0);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        shared->killed = WTERMSIG(status);
    const ring_answers answers = *shared;
    ::munmap(memory, sizeof(ring_answers));
    return answers;
}

}  // namespace doctor
