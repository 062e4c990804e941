// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "ring/epoll_kernel.hpp"
#include "ring/kernel.hpp"
#include "ring/uring_kernel.hpp"
#include "support/descriptor_limit.hpp"
#include "support/io_uring.hpp"
#include "support/plain_peer.hpp"
#include "support/scripted_kernel.hpp"

// Checks that the engines behave alike, and that the scripted kernel behaves as they do, both by itself and
// in the results that tests give it. Each story runs on all kernels and must leave the same trace.

namespace coil::ring {
namespace {

using namespace std::chrono_literals;
using test::descriptor_limit;
using test::plain_listener;
using test::plain_peer;

/// A kernel and its ring, used without the library's loop. Every operation has a number. A line of the trace
/// is a number and a result.
class stage {
public:
    explicit stage(std::unique_ptr<kernel> behind, const parameters& wanted)
        : kernel_(std::move(behind)), script_(dynamic_cast<scripted_kernel*>(kernel_.get())) {
        EXPECT_EQ(kernel_->set_up(memory_, wanted), 0);
        EXPECT_EQ(kernel_->enable(memory_), 0);
        tail_ = *memory_.sq.ktail;
    }
    stage(const stage&) = delete;
    stage& operator=(const stage&) = delete;
    ~stage() { kernel_->tear_down(memory_, false, kernel_->now() + 1s); }

    [[nodiscard]] bool is_real() const { return script_ == nullptr; }
    [[nodiscard]] scripted_kernel& script() const { return *script_; }
    [[nodiscard]] kernel& behind() const { return *kernel_; }

    /// Makes an event happen: calls `really` on the real kernel, `scripted` on the scripted one.
    void happens(const std::function<void()>& really, const std::function<void(scripted_kernel&)>& scripted) {
        if (is_real())
            really();
        else
            scripted(*script_);
    }

    /// Returns a connected socket. On the real kernel `peer` becomes its other end.
    int connection(plain_peer& peer) {
        if (!is_real())
            return script_->make_connection(SOCK_STREAM, {ip::address_v4::loopback(), 7});
        plain_listener listener;
        const int ours = listener.connect();
        peer = listener.accept();
        return ours;
    }
    int listener() {
        const int number = kernel_->socket(AF_INET, SOCK_STREAM, 0);
        EXPECT_EQ(kernel_->listen(number, 16), 0);
        return number;
    }

    io_uring_sqe& next_sqe(unsigned number) {
        io_uring_sqe& sqe = memory_.sq.sqes[tail_++ & *memory_.sq.kring_mask];
        std::memset(&sqe, 0, sizeof sqe);
        __atomic_store_n(memory_.sq.ktail, tail_, __ATOMIC_RELEASE);
        number_ = number + first_number;
        return sqe;
    }
    /// Sets user_data. Call it after io_uring_prep_*().
    void set_number(io_uring_sqe& sqe) { sqe.user_data = number_; }

    int enter(unsigned wait = 0, time_point deadline = time_point::max()) {
        const unsigned to_submit = tail_ - __atomic_load_n(memory_.sq.khead, __ATOMIC_ACQUIRE);
        int result;
        do
            result = kernel_->enter(memory_, to_submit, wait, deadline);
        while (result == -EINTR);  // from the teardown of another ring of this thread
        return result;
    }

    /// Appends the available completions to the trace. Returns their number.
    unsigned collect() {
        const unsigned head = *memory_.cq.khead;
        const unsigned end = __atomic_load_n(memory_.cq.ktail, __ATOMIC_ACQUIRE);
        for (unsigned at = head; at != end; ++at) {
            const io_uring_cqe& cqe = memory_.cq.cqes[at & *memory_.cq.kring_mask];
            note(std::to_string(cqe.user_data - first_number) + ": " + std::to_string(cqe.res) +
                 (cqe.flags & IORING_CQE_F_MORE ? " more" : ""));
        }
        __atomic_store_n(memory_.cq.khead, end, __ATOMIC_RELEASE);
        return end - head;
    }
    /// Submits, and collects `count` completions.
    void wait_for(unsigned count) {
        for (unsigned collected = collect(); collected < count; collected += collect())
            if (const int result = enter(1, kernel_->now() + 5s); result == -ETIME) {
                note("no completion");
                return;
            }
    }

    void note(const std::string& line) { trace_.push_back(line); }
    void drop_last() { trace_.pop_back(); }
    [[nodiscard]] const std::vector<std::string>& trace() const { return trace_; }
    [[nodiscard]] unsigned flags() const { return __atomic_load_n(memory_.sq.kflags, __ATOMIC_RELAXED); }
    [[nodiscard]] unsigned overflows() const { return *memory_.cq.koverflow; }
    [[nodiscard]] io_uring& memory() { return memory_; }

    // Operations.
    void recv(unsigned number, int descriptor, void* buffer, std::size_t size, int flags = 0) {
        auto& sqe = next_sqe(number);
        io_uring_prep_recv(&sqe, descriptor, buffer, size, flags);
        set_number(sqe);
    }
    void send(unsigned number, int descriptor, const void* bytes, std::size_t size, int flags = 0) {
        auto& sqe = next_sqe(number);
        io_uring_prep_send(&sqe, descriptor, bytes, size, flags | MSG_NOSIGNAL);
        set_number(sqe);
    }
    void accept(unsigned number, int descriptor) {
        auto& sqe = next_sqe(number);
        io_uring_prep_accept(&sqe, descriptor, nullptr, nullptr, SOCK_CLOEXEC);
        set_number(sqe);
    }
    void nop(unsigned number) {
        auto& sqe = next_sqe(number);
        io_uring_prep_nop(&sqe);
        set_number(sqe);
    }
    /// A cancel as the loop submits it: without a CQE on success.
    void cancel(unsigned number, unsigned target) {
        auto& sqe = next_sqe(number);
        io_uring_prep_cancel64(&sqe, target + first_number, 0);
        sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
        set_number(sqe);
    }

private:
    static constexpr std::uint64_t first_number = 1000;

    std::unique_ptr<kernel> kernel_;
    scripted_kernel* script_;
    io_uring memory_{};
    unsigned tail_ = 0;
    std::uint64_t number_ = 0;
    std::vector<std::string> trace_;
};

using trace = std::vector<std::string>;

struct implementation {
    const char* name;
    std::unique_ptr<kernel> (*make)();
};

constexpr implementation implementations[] = {
    {"io_uring", []() -> std::unique_ptr<kernel> { return std::make_unique<uring_kernel>(); }},
    {"epoll", []() -> std::unique_ptr<kernel> { return std::make_unique<epoll_kernel>(); }},
    {"scripted", []() -> std::unique_ptr<kernel> { return std::make_unique<scripted_kernel>(); }},
};

// Returns false for io_uring if this process may not use it.
bool is_available(const implementation& which) {
    return std::string_view(which.name) != "io_uring" || !test::is_io_uring_refused();
}

void run_on_all(const trace& expected, const std::function<void(stage&)>& story,
                const parameters& wanted = {64, 128}, const trace* expected_on_epoll = nullptr) {
    for (const implementation& each: implementations) {
        if (!is_available(each))
            continue;
        const bool is_epoll = std::string_view(each.name) == "epoll";
        stage on(each.make(), wanted);
        story(on);
        EXPECT_EQ(on.trace(), is_epoll && expected_on_epoll ? *expected_on_epoll : expected)
            << "on the kernel: " << each.name;
    }
}

// ---- enter ------------------------------------------------------------------------------------------------

TEST(EveryKernel, EnterReturnsCountDespiteTimeout) {
    run_on_all({"submitted 1", "submitted 0, -ETIME", "1: -125"}, [](stage& on) {
        plain_peer peer;
        char byte;
        const int socket = on.connection(peer);
        on.recv(1, socket, &byte, 1);
        on.note("submitted " + std::to_string(on.enter(1, on.behind().now() + 1ms)));
        on.note(on.enter(1, on.behind().now() + 1ms) == -ETIME ? "submitted 0, -ETIME" : "?");
        on.cancel(2, 1);
        on.wait_for(1);
        on.behind().close(socket);
    });
}

// uring_kernel computed `deadline - now`, which overflowed for time_point::min(): enter waited for 292 years.
TEST(EveryKernel, EnterReturnsIfDeadlineHasPassed) {
    run_on_all({"-62", "-62", "-62", "-62", "-62", "-62"}, [](stage& on) {
        const time_point now = on.behind().now();
        for (const time_point passed:
             {time_point::min(), time_point::min() + 1ns, time_point(-1ns), time_point(), now - 1ns, now})
            on.note(std::to_string(on.enter(1, passed)));
    });
}

TEST(EveryKernel, EnterWaitsForLatestDeadlines) {
    run_on_all({"1: 1", "1: 1"}, [](stage& on) {
        const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        for (const time_point deadline: {time_point::max() - 1ns, time_point::max()}) {
            auto& sqe = on.next_sqe(1);
            io_uring_prep_poll_add(&sqe, timer, POLLIN);
            on.set_number(sqe);
            on.happens(
                [&] {
                    const itimerspec soon{{}, {0, 2'000'000}};
                    EXPECT_EQ(::timerfd_settime(timer, 0, &soon, nullptr), 0);
                },
                [](auto& script) { script.after(2ms, [&] { script.answer(IORING_OP_POLL_ADD, POLLIN); }); });
            // The teardown of another ring of this thread may interrupt a wait (EINTR).
            for (int enters = 0; on.collect() == 0 && enters < 100; ++enters)
                on.enter(1, deadline);
        }
        ::close(timer);
    });
}

TEST(EveryKernel, OnlyEnablingThreadMayEnter) {
    run_on_all({"-EEXIST"}, [](stage& on) {
        int result = 0;
        std::thread([&] { result = on.enter(); }).join();
        on.note(result == -EEXIST ? "-EEXIST" : std::to_string(result));
    });
}

TEST(EveryKernel, AnotherThreadCanEnableRing) {
    for (const implementation& each: implementations) {
        if (!is_available(each))
            continue;
        std::unique_ptr<kernel> behind = each.make();
        io_uring memory{};
        EXPECT_EQ(behind->set_up(memory, {}), 0);
        EXPECT_EQ(behind->enter(memory, 0, 0, time_point::max()), -EBADFD);
        std::thread([&] {
            EXPECT_EQ(behind->enable(memory), 0);
            EXPECT_EQ(behind->enter(memory, 0, 0, time_point::max()), 0);
        }).join();
        EXPECT_EQ(behind->enter(memory, 0, 0, time_point::max()), -EEXIST);
        behind->tear_down(memory, false, behind->now() + 1s);
    }
}

TEST(EveryKernel, RoundsUpAndClampsEntries) {
    for (const implementation& each: implementations) {
        if (!is_available(each))
            continue;
        for (const auto& [wanted, entries]:
             {std::pair{parameters{5, 5}, 8u}, {parameters{0, 1}, 1u}, {parameters{64, 3}, 64u}}) {
            std::unique_ptr<kernel> behind = each.make();
            io_uring memory{};
            EXPECT_EQ(behind->set_up(memory, wanted), 0);
            EXPECT_EQ(*memory.sq.kring_entries, entries);
            EXPECT_GE(*memory.cq.kring_entries, entries);
            behind->tear_down(memory, false, behind->now() + 1s);
        }
    }
}

// On epoll, only an enter can find out whether there is work, so the flag is set while an operation waits.
TEST(EveryKernel, FlagsShowDeferredWork) {
    const trace on_epoll{"deferred", "deferred", "1: 1"};
    const auto story = [](stage& on) {
        plain_peer peer;
        char byte;
        const int socket = on.connection(peer);
        on.recv(1, socket, &byte, 1);
        on.enter();
        on.note(on.flags() & IORING_SQ_TASKRUN ? "deferred" : "nothing yet");
        on.happens([&] { peer.send("x"); }, [&](auto& script) { script.answer(IORING_OP_RECV, "x"); });
        on.note(on.flags() & IORING_SQ_TASKRUN ? "deferred" : "nothing yet");
        on.wait_for(1);
        EXPECT_EQ(byte, 'x');
        on.behind().close(socket);
    };
    run_on_all({"nothing yet", "deferred", "1: 1"}, story, {64, 128}, &on_epoll);
}

TEST(EveryKernel, CqOverflowLosesNoCompletion) {
    trace expected;
    for (unsigned i = 0; i < 40; ++i)
        expected.push_back(std::to_string(i) + ": 0");
    expected.insert(expected.begin(), {"overflow", "dropped 0"});
    run_on_all(expected,
               [](stage& on) {
                   for (unsigned i = 0; i < 40; i += 4) {
                       for (unsigned n = i; n < i + 4; ++n)
                           on.nop(n);
                       // The CQ is not collected, so the overflow is not flushed until there is room.
                       on.enter();
                   }
                   on.note(on.flags() & IORING_SQ_CQ_OVERFLOW ? "overflow" : "no overflow");
                   on.note("dropped " + std::to_string(on.overflows()));
                   for (unsigned collected = 0; collected < 40;) {
                       collected += on.collect();
                       on.enter();
                   }
                   EXPECT_FALSE(on.flags() & IORING_SQ_CQ_OVERFLOW);
               },
               {4, 4});
}

TEST(EveryKernel, RepeatedEntersReturnEverything) {
    for (const implementation& each: implementations) {
        if (!is_available(each))
            continue;
        std::unique_ptr<kernel> behind = each.make();
        stage on(std::move(behind), {256, 512});
        std::vector<plain_peer> peers(100);
        std::vector<int> sockets;
        std::array<char, 100> bytes;
        for (unsigned i = 0; i < 100; ++i) {
            sockets.push_back(on.connection(peers[i]));
            on.recv(i, sockets.back(), &bytes[i], 1);
        }
        on.enter();
        for (unsigned i = 0; i < 100; ++i)
            on.happens([&] { peers[i].send("x"); },
                       [&](auto& script) { script.answer(IORING_OP_RECV, "x"); });
        unsigned collected = 0;
        unsigned enters = 0;
        while (collected < 100 && ++enters < 200) {
            on.enter(1);
            collected += on.collect();
        }
        EXPECT_EQ(collected, 100u);
        EXPECT_LT(enters, 200u);
        for (const int socket: sockets)
            on.behind().close(socket);
    }
}

// ---- cancel -----------------------------------------------------------------------------------------------

TEST(EveryKernel, CancelEndsTargetWithoutCqe) {
    run_on_all({"1: -125", "9: 0"}, [](stage& on) {
        plain_peer peer;
        char byte;
        const int socket = on.connection(peer);
        on.recv(1, socket, &byte, 1);
        on.enter();
        on.cancel(2, 1);
        on.wait_for(1);
        on.nop(9);
        on.wait_for(1);
        on.behind().close(socket);
    });
}

TEST(EveryKernel, CancelInBatchOfItsTarget) {
    run_on_all({"1: -125"}, [](stage& on) {
        plain_peer peer;
        char byte;
        const int socket = on.connection(peer);
        on.recv(1, socket, &byte, 1);
        on.cancel(2, 1);
        on.wait_for(1);
        on.behind().close(socket);
    });
}

TEST(EveryKernel, CancelWithoutTargetIsEnoent) {
    run_on_all({"2: -2"}, [](stage& on) {
        on.cancel(2, 1);
        on.wait_for(1);
    });
}

TEST(EveryKernel, CancelMissesLaterOperation) {
    run_on_all({"2: -2", "1: 1"}, [](stage& on) {
        plain_peer peer;
        char byte;
        const int socket = on.connection(peer);
        on.cancel(2, 1);
        on.recv(1, socket, &byte, 1);
        on.wait_for(1);
        on.happens([&] { peer.send("x"); }, [&](auto& script) { script.answer(IORING_OP_RECV, "x"); });
        on.wait_for(1);
        on.behind().close(socket);
    });
}

TEST(EveryKernel, CancelledWaitallRecvReturnsBytes) {
    run_on_all({"1: 40"}, [](stage& on) {
        plain_peer peer;
        std::array<char, 100> bytes{};
        const int socket = on.connection(peer);
        on.recv(1, socket, bytes.data(), bytes.size(), MSG_WAITALL);
        on.enter();
        on.happens(
            [&] {
                peer.send(std::string(40, 'x'));
                on.enter();
            },
            [&](auto& script) { script.when_cancelled(std::string(40, 'x')); });
        on.cancel(2, 1);
        on.wait_for(1);
        EXPECT_EQ(std::count(bytes.begin(), bytes.end(), 'x'), 40);
        on.behind().close(socket);
    });
}

TEST(EveryKernel, CancelledSendReturnsSentBytes) {
    run_on_all({"positive"}, [](stage& on) {
        plain_peer peer;
        const std::string much(16u << 20, 'x');
        const int socket = on.connection(peer);
        on.send(1, socket, much.data(), much.size(), MSG_WAITALL);
        on.enter();
        on.happens([&] {}, [&](auto& script) { script.when_cancelled(100'000); });
        on.cancel(2, 1);
        const auto before = on.trace().size();
        on.wait_for(1);
        EXPECT_EQ(on.trace().size(), before + 1);
        const std::string line = on.trace().back();
        on.drop_last();
        on.note(std::stol(line.substr(3)) > 0 ? "positive" : line);
        on.behind().close(socket);
    });
}

// A submitted connect, number 1, to a listener that does not answer because its backlog is full.
class pending_connect {
public:
    explicit pending_connect(stage& on) : kernel_(on.behind()) {
        on.happens(
            [&] {
                full_ = std::make_unique<plain_listener>(0);
                address_ = full_->address();
                waiting_ = full_->connect();
            },
            [](auto&) {});
        socket_ = kernel_.socket(AF_INET, SOCK_STREAM, 0);
        auto& sqe = on.next_sqe(1);
        io_uring_prep_connect(&sqe, socket_, reinterpret_cast<sockaddr*>(&address_), sizeof address_);
        on.set_number(sqe);
        on.enter();
    }
    pending_connect(const pending_connect&) = delete;
    pending_connect& operator=(const pending_connect&) = delete;
    ~pending_connect() {
        kernel_.close(socket_);
        if (waiting_ >= 0)
            ::close(waiting_);
    }

    [[nodiscard]] int socket() const { return socket_; }

private:
    kernel& kernel_;
    std::unique_ptr<plain_listener> full_;
    sockaddr_in address_{AF_INET, 0, {}, {}};
    int waiting_ = -1;  // the connection that fills the backlog
    int socket_ = -1;
};

TEST(EveryKernel, CancelledConnectIsEcanceled) {
    run_on_all({"1: -125"}, [](stage& on) {
        const pending_connect made(on);
        on.cancel(2, 1);
        on.wait_for(1);
    });
}

// After the shutdown, the socket can be connected anew, so a second call of connect(2) on epoll began a new
// connect.
TEST(EveryKernel, ShutdownEndsConnect) {
    run_on_all({"1: -104"}, [](stage& on) {
        const pending_connect made(on);
        on.behind().shutdown(made.socket(), SHUT_RDWR);
        on.happens([] {}, [](auto& script) { script.answer(IORING_OP_CONNECT, -ECONNRESET); });
        on.wait_for(1);
    });
}

// ---- results of operations --------------------------------------------------------------------------------

TEST(EveryKernel, ShutdownEndsRecv) {
    run_on_all({"1: 0"}, [](stage& on) {
        plain_peer peer;
        char byte;
        const int socket = on.connection(peer);
        on.recv(1, socket, &byte, 1);
        on.enter();
        EXPECT_EQ(on.behind().shutdown(socket, SHUT_RDWR), 0);
        on.happens([] {}, [](auto& script) { script.answer(IORING_OP_RECV, 0); });
        on.wait_for(1);
        on.behind().close(socket);
    });
}

TEST(EveryKernel, ShutdownEndsAccept) {
    run_on_all({"1: -22"}, [](stage& on) {
        const int listener = on.listener();
        on.accept(1, listener);
        on.enter();
        EXPECT_EQ(on.behind().shutdown(listener, SHUT_RDWR), 0);
        on.happens([] {}, [](auto& script) { script.answer(IORING_OP_ACCEPT, -EINVAL); });
        on.wait_for(1);
        on.behind().close(listener);
    });
}

TEST(EveryKernel, ShutdownEndsAcceptOfAUnixSocket) {
    run_on_all({"1: -22"}, [](stage& on) {
        const int listener = on.behind().socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;  // the kernel chooses an abstract name
        EXPECT_EQ(on.behind().bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);
        EXPECT_EQ(on.behind().listen(listener, 16), 0);
        on.accept(1, listener);
        on.enter();
        EXPECT_EQ(on.behind().shutdown(listener, SHUT_RDWR), 0);
        on.happens([] {}, [](auto& script) { script.answer(IORING_OP_ACCEPT, -EINVAL); });
        on.wait_for(1);
        on.behind().close(listener);
    });
}

TEST(EveryKernel, AcceptWithoutDescriptorFails) {
    run_on_all({"1: -24"}, [](stage& on) {
        const int listener = on.listener();
        on.happens([] {}, [](auto& script) { script.answer_next(-EMFILE); });
        {
            const descriptor_limit here(0);
            on.accept(1, listener);
            on.enter(1, on.behind().now() + 1s);
        }
        on.wait_for(1);
        on.behind().close(listener);
    });
}

TEST(EveryKernel, ReportsResetOnceThenBrokenPipe) {
    run_on_all({"1: -104", "2: -32"}, [](stage& on) {
        plain_peer peer;
        char byte = 'x';
        const int socket = on.connection(peer);
        on.recv(1, socket, &byte, 1);
        on.enter();
        on.happens([&] { peer.reset(); }, [](auto& script) { script.answer(IORING_OP_RECV, -ECONNRESET); });
        on.wait_for(1);
        on.happens([] {}, [](auto& script) { script.answer_next(-EPIPE); });
        on.send(2, socket, &byte, 1);
        on.wait_for(1);
        on.behind().close(socket);
    });
}

TEST(EveryKernel, DontwaitRecvIsEagain) {
    run_on_all({"1: -11"}, [](stage& on) {
        plain_peer peer;
        char byte;
        const int socket = on.connection(peer);
        on.happens([] {}, [](auto& script) { script.answer_next(-EAGAIN); });
        on.recv(1, socket, &byte, 1, MSG_DONTWAIT);
        on.wait_for(1);
        on.behind().close(socket);
    });
}

TEST(EveryKernel, TruncatedDatagramReportsSize) {
    run_on_all({"1: 100"}, [](stage& on) {
        std::array<char, 10> bytes;
        const int socket = on.behind().socket(AF_INET, SOCK_DGRAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        unsigned size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(on.behind().bind(socket, any, size), 0);
        EXPECT_EQ(on.behind().getsockname(socket, any, &size), 0);
        EXPECT_NE(address.sin_port, 0);
        on.recv(1, socket, bytes.data(), bytes.size(), MSG_TRUNC);
        on.enter();
        on.happens(
            [&] {
                const int sender = ::socket(AF_INET, SOCK_DGRAM, 0);
                const std::string datagram(100, 'x');
                EXPECT_EQ(::sendto(sender, datagram.data(), 100, 0, any, size), 100);
                ::close(sender);
            },
            [](auto& script) { script.answer(IORING_OP_RECV, std::string(100, 'x')); });
        on.wait_for(1);
        EXPECT_EQ(bytes.back(), 'x');
        on.behind().close(socket);
    });
}

TEST(EveryKernel, ClosedDescriptorIsEbadf) {
    run_on_all({"1: -9"}, [](stage& on) {
        plain_peer peer;
        char byte;
        const int socket = on.connection(peer);
        EXPECT_EQ(on.behind().close(socket), 0);
        on.recv(1, socket, &byte, 1);
        on.wait_for(1);
    });
}

// ---- wake-ups ---------------------------------------------------------------------------------------------

TEST(EveryKernel, WakeLeavesMultishotPollArmed) {
    run_on_all({"1: 1 more", "1: 1 more"}, [](stage& on) {
        auto& sqe = on.next_sqe(1);
        io_uring_prep_poll_multishot(&sqe, on.behind().wake_descriptor(), POLLIN);
        on.set_number(sqe);
        on.enter();
        for (int i = 0; i < 2; ++i) {
            std::thread([&] { on.behind().wake(); }).join();
            on.wait_for(1);
        }
    });
}

TEST(EveryKernel, WakeBeforePollIsNotLost) {
    run_on_all({"1: 1 more"}, [](stage& on) {
        on.behind().wake();
        auto& sqe = on.next_sqe(1);
        io_uring_prep_poll_multishot(&sqe, on.behind().wake_descriptor(), POLLIN);
        on.set_number(sqe);
        on.wait_for(1);
    });
}

TEST(EveryKernel, CqOverflowEndsWakePoll) {
    // On epoll, an enter that does not wait does not look at the eventfd.
    const trace on_epoll{"9: 0", "9: 0", "1: 1 more"};
    run_on_all(
        {"9: 0", "9: 0", "1: 1"},
        [](stage& on) {
            auto& sqe = on.next_sqe(1);
            io_uring_prep_poll_multishot(&sqe, on.behind().wake_descriptor(), POLLIN);
            on.set_number(sqe);
            on.enter();
            on.nop(9);
            on.enter();
            on.nop(9);
            on.enter();
            on.behind().wake();
            on.enter();
            on.wait_for(3);
        },
        {2, 2}, &on_epoll);
}

}  // namespace
}  // namespace coil::ring
