// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Destruction of an io_context with operations of every kind in flight: on its owner thread, after that
// thread has ended, and on another thread while the owner is alive.

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/io/signal_set.hpp>
#include <coil/io/sleep.hpp>
#include <coil/io/steady_timer.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>

#include "net/connected.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

/// Counts the live objects in the tasks' frames.
class frame_counter {
public:
    frame_counter() { ++alive; }
    frame_counter(const frame_counter&) = delete;
    frame_counter& operator=(const frame_counter&) = delete;
    ~frame_counter() { --alive; }

    static inline int alive = 0;
};

/// Listens on a port that is certainly free. With SO_REUSEADDR the kernel may choose a port that closed
/// connections still hold in TIME_WAIT.
tcp::acceptor acceptor_on_a_free_port(io_context& context) {
    tcp::acceptor acceptor(context);
    acceptor.open(tcp::v6());
    acceptor.bind({tcp::v6(), 0});
    acceptor.listen();
    return acceptor;
}

/// One task for each kind of wait: streams, acceptors, datagrams, timers, signals, timeouts and joins.
class waiting_tasks {
public:
    explicit waiting_tasks(io_context& context)
        : context_(context), acceptor_(acceptor_on_a_free_port(context)) {}

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] bool is_waiting() const { return waiting_ == 9; }
    [[nodiscard]] bool was_resumed() const { return resumed_; }

    /// All resources live in the tasks' frames, or in this object.
    task<> begin() {
        const frame_counter here;
        port_ = acceptor_.local_endpoint().port();
        auto both = co_await connect_ends(context_);
        auto other = co_await connect_ends(context_);
        steady_timer timer(context_, 1h);
        co_spawn(context_, wait_to_accept(), detached);
        co_spawn(context_, wait_to_accept(), detached);
        co_spawn(context_, wait_for_bytes(both.near), detached);
        co_spawn(context_, wait_for_room(both.near), detached);
        co_spawn(context_, wait_for_datagrams(), detached);
        co_spawn(context_, wait_for_signals(), detached);
        co_spawn(context_, wait_for_time(timer), detached);
        auto nested = co_spawn(context_, wait_in_timeouts(std::move(other.far)));
        ++waiting_;
        co_await nested.join();
        resumed_ = true;
    }

private:
    task<> wait_to_accept() {
        const frame_counter here;
        ++waiting_;
        auto peer = co_await acceptor_.accept();
        resumed_ = true;
    }
    task<> wait_for_bytes(tcp::socket& socket) {
        const frame_counter here;
        std::array<char, 1000> buffer;
        ++waiting_;
        co_await read(socket, buffer);
        resumed_ = true;
    }
    task<> wait_for_room(tcp::socket& socket) {
        const frame_counter here;
        ++waiting_;
        co_await write(socket, too_much());
        resumed_ = true;
    }
    task<> wait_for_datagrams() {
        const frame_counter here;
        udp::socket socket(context_, {udp::v4(), 0});
        std::array<char, 1000> buffer;
        ++waiting_;
        co_await socket.recvfrom(buffer);
        resumed_ = true;
    }
    task<> wait_for_signals() {
        const frame_counter here;
        signal_set signals(context_, SIGUSR2);
        ++waiting_;
        co_await signals.wait();
        resumed_ = true;
    }
    task<> wait_for_time(steady_timer& timer) {
        const frame_counter here;
        ++waiting_;
        co_await timer.wait();
        resumed_ = true;
    }
    task<> wait_in_timeouts(tcp::socket socket) {
        const frame_counter here;
        const auto recv_in_time = [&]() -> task<> {
            const frame_counter deeper;
            std::array<char, 1000> buffer;
            co_await timeout(read(socket, buffer), 1h);
        };
        ++waiting_;
        co_await timeout(recv_in_time(), 1h);
        resumed_ = true;
    }

    io_context& context_;
    tcp::acceptor acceptor_;
    std::uint16_t port_ = 0;
    int waiting_ = 0;
    bool resumed_ = false;
};

void expect_free(std::uint16_t port) {
    io_context context;
    tcp::acceptor acceptor(context);
    acceptor.open(tcp::v6());  // without SO_REUSEADDR
    EXPECT_NO_THROW(acceptor.bind({tcp::v6(), port}));
}

/// Runs until all tasks wait, and the kernel has their operations.
void run_until_waiting(io_context& context, const waiting_tasks& tasks) {
    run_until(context, [&] { return tasks.is_waiting(); });
    for (int i = 0; i < 5; ++i)
        context.poll();
    EXPECT_TRUE(tasks.is_waiting());
}

TEST(Teardown, DestroysEverythingOnTheOwnerThread) {
    auto context = std::make_unique<io_context>();
    waiting_tasks tasks(*context);
    co_spawn(*context, tasks.begin(), detached);
    run_until_waiting(*context, tasks);
    EXPECT_EQ(frame_counter::alive, 10);
    context.reset();
    EXPECT_EQ(frame_counter::alive, 0);
    EXPECT_FALSE(tasks.was_resumed());
    expect_free(tasks.port());
}

TEST(Teardown, WorksAfterTheOwnerThreadEnded) {
    auto context = std::make_unique<io_context>();
    waiting_tasks tasks(*context);
    co_spawn(*context, tasks.begin(), detached);
    std::thread owner([&] { run_until_waiting(*context, tasks); });
    owner.join();
    EXPECT_EQ(frame_counter::alive, 10);
    context.reset();
    EXPECT_EQ(frame_counter::alive, 0);
    EXPECT_FALSE(tasks.was_resumed());
    expect_free(tasks.port());
}

TEST(Teardown, WorksAfterTheOwnerWasStopped) {
    auto context = std::make_unique<io_context>();
    waiting_tasks tasks(*context);
    std::atomic<bool> waiting = false;
    const auto watch = [&]() -> task<> {
        while (!tasks.is_waiting())
            co_await yield();
        co_await let_others_run(5);
        waiting = true;
        waiting.notify_one();
    };
    co_spawn(*context, tasks.begin(), detached);
    co_spawn(*context, watch, detached);
    std::thread owner([&] { context->run(); });
    waiting.wait(false);
    context->stop();
    owner.join();
    context.reset();
    EXPECT_EQ(frame_counter::alive, 0);
    EXPECT_FALSE(tasks.was_resumed());
    expect_free(tasks.port());
}

/// A thread that runs functions on request.
class worker_thread {
public:
    ~worker_thread() {
        post(nullptr);
        thread_.join();
    }
    void run_and_wait(std::function<void()> work) {
        post(std::move(work));
        std::unique_lock held(lock_);
        changed_.wait(held, [this] { return !work_; });
    }

private:
    void post(std::function<void()> work) {
        const std::lock_guard held(lock_);
        over_ = !work;
        work_ = std::move(work);
        changed_.notify_all();
    }
    void serve() {
        std::unique_lock held(lock_);
        for (;;) {
            changed_.wait(held, [this] { return work_ || over_; });
            if (!work_)
                return;
            work_();
            work_ = nullptr;
            changed_.notify_all();
        }
    }

    std::mutex lock_;
    std::condition_variable changed_;
    std::function<void()> work_;
    bool over_ = false;
    std::thread thread_{[this] { serve(); }};
};

TEST(Teardown, WorksOnAnotherThreadWithALiveOwner) {
    auto context = std::make_unique<io_context>();
    waiting_tasks tasks(*context);
    worker_thread owner;
    owner.run_and_wait([&] {
        co_spawn(*context, tasks.begin(), detached);
        run_until_waiting(*context, tasks);
    });
    context.reset();
    EXPECT_EQ(frame_counter::alive, 0);
    EXPECT_FALSE(tasks.was_resumed());
    expect_free(tasks.port());
    owner.run_and_wait([&] {  // the thread can run another context
        io_context next;
        co_spawn(next, let_others_run(), detached);
        EXPECT_GT(next.run(), 0u);
    });
}

TEST(Teardown, ContextMovesToANewThread) {
    io_context context;
    tcp::acceptor acceptor(context, {tcp::v4(), 0});
    udp::socket datagrams(context, {ip::address_v4::loopback(), 0});
    std::optional<std::error_code> received;
    const auto receive = [&]() -> task<> {
        std::array<char, 1> buffer;
        auto [ec, from] = co_await as_tuple(datagrams.recvfrom(buffer));
        received = ec;
        co_await datagrams.sendto("x", datagrams.local_endpoint());
        EXPECT_EQ((co_await datagrams.recvfrom(buffer)).size, 1u);
    };
    bool greeted = false;
    const auto greet = [&]() -> task<> {
        auto [ec, none] = co_await as_tuple(acceptor.accept());
        EXPECT_EQ(ec, error::operation_aborted);
        auto peer = co_await acceptor.accept();
        co_await peer.send("x");
        greeted = true;
    };
    co_spawn(context, receive, detached);
    co_spawn(context, greet, detached);
    std::thread([&] { context.run_for(1ms); }).join();
    EXPECT_FALSE(received);
    // The kernel cancelled the operations when their thread ended. The next thread that runs the context
    // completes them.
    const auto connect = [&]() -> task<> {
        tcp::socket client(context);
        co_await client.connect({ip::address_v4::loopback(), acceptor.local_endpoint().port()});
        std::array<char, 1> buffer;
        EXPECT_EQ(co_await client.recv(buffer), 1u);
    };
    std::thread([&] {
        context.restart();
        co_spawn(context, connect, detached);
        context.run_for(10s);
    }).join();
    EXPECT_TRUE(context.stopped());
    EXPECT_EQ(received, error::operation_aborted);
    EXPECT_TRUE(greeted);
}

TEST(Teardown, PeersSeeTheEndBeforeDestructorReturns) {
    real_context context;
    auto [socket, peer] = context.connection();
    const auto hold = [](tcp::socket held) -> task<> {
        std::array<char, 10> buffer;
        co_await held.recv(buffer);
    };
    co_spawn(context.io(), hold(std::move(socket)), detached);
    for (int i = 0; i < 5; ++i)
        context.poll();
    context.destroy();
    // On a single processor the end of the stream may be delayed: the kernel thread that delivers it has to
    // run first.
    const int flags = std::thread::hardware_concurrency() == 1 ? 0 : MSG_DONTWAIT;
    char byte;
    EXPECT_EQ(::recv(peer.number(), &byte, 1, flags), 0);
}

TEST(Teardown, HandlesMayOutliveTheirContext) {
    std::optional<io_context> context(std::in_place);
    auto acceptor = acceptor_on_a_free_port(*context);
    tcp::socket socket(*context, tcp::v4());
    udp::socket datagrams(*context, {udp::v4(), 0});
    tcp::socket unused(*context);
    const auto port = acceptor.local_endpoint().port();
    const auto wait = [&]() -> task<> { co_await acceptor.accept(); };
    co_spawn(*context, wait, detached);
    context->poll();
    context.reset();

    EXPECT_FALSE(acceptor.is_open());
    EXPECT_FALSE(socket.is_open());
    EXPECT_FALSE(datagrams.is_open());
    EXPECT_EQ(socket.native_handle(), -1);
    socket.cancel();
    EXPECT_EQ(socket.shutdown(socket_base::shutdown_both).error(), error::bad_descriptor);
    EXPECT_FALSE(socket.close().error());
    EXPECT_EQ(datagrams.release(), -1);
    EXPECT_THROW(socket.open(), std::system_error);
    tcp::socket moved = std::move(socket);
    EXPECT_FALSE(moved.is_open());
    expect_free(port);

    real_context next;
    next.run([&]() -> task<> {
        std::array<char, 1> buffer;
        auto [ec, n] = co_await as_tuple(moved.recv(buffer));
        EXPECT_EQ(ec, error::bad_descriptor);
        moved = tcp::socket(next.io(), tcp::v4());
        EXPECT_TRUE(moved.is_open());
    });
}

// A classic crash: destructors of locals use the context and its objects during the teardown.
TEST(Teardown, DestructorsMayUseTheContext) {
    auto context = std::make_unique<io_context>();
    struct context_user {
        io_context& context;
        tcp::socket& socket;
        steady_timer& timer;
        ~context_user() {
            socket.cancel();
            socket.close();
            timer.cancel();
            context.stop();
            context.post([] { ADD_FAILURE() << "a post to a context that is being destroyed has run"; });
            const auto late = []() -> task<> {
                ADD_FAILURE() << "a task on a context that is being destroyed has run";
                co_return;
            };
            co_spawn(context, late, detached);
        }
    };
    auto socket = std::make_unique<tcp::socket>(*context);
    auto timer = std::make_unique<steady_timer>(*context, 1h);
    const auto wait = [&]() -> task<> {
        const context_user here{*context, *socket, *timer};
        auto both = co_await connect_ends(*context);
        *socket = std::move(both.near);
        std::array<char, 1> buffer;
        co_await socket->recv(buffer);
    };
    const auto wait_for_the_timer = [&]() -> task<> {
        const context_user here{*context, *socket, *timer};
        co_await timer->wait();
    };
    co_spawn(*context, wait, detached);
    co_spawn(*context, wait_for_the_timer, detached);
    run_until(*context, [&] { return socket->is_open(); });
    for (int i = 0; i < 5; ++i)
        context->poll();
    EXPECT_TRUE(socket->is_open());
    context.reset();
    EXPECT_FALSE(socket->is_open());
}

TEST(Teardown, NeverRunContextResumesNoTask) {
    io_context context;
    tcp::acceptor acceptor(context, {tcp::v4(), 0});
    const auto never = []() -> task<> {
        ADD_FAILURE();
        co_return;
    };
    co_spawn(context, never, detached);
}

}  // namespace
}  // namespace coil::test
