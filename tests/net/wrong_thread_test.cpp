// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Makes every public call that is reserved for the context's thread on another thread, and awaits every
// object of a context in a task of another context. Without the checks, most of these corrupt the loop's
// lists or hang.

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/io/signal_set.hpp>
#include <coil/io/sleep.hpp>
#include <coil/io/steady_timer.hpp>
#include <coil/io/stream_descriptor.hpp>
#include <coil/loop/buffer_pool.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>
#include <coil/resolver/resolver.hpp>
#include <coil/sync/channel.hpp>
#include <coil/sync/event.hpp>
#include <coil/sync/mutex.hpp>
#include <coil/sync/semaphore.hpp>
#include <coil/sync/task_group.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/test/stream_pair.hpp>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

template <class F>
void on_another_thread(F&& function) {
    std::thread(std::forward<F>(function)).join();
}

/// A context that belongs to this thread, and an object of each kind that is bound to it.
struct owned_objects {
    owned_objects() {
        context
            .spawn([this]() -> task<> {
                // Each await binds an object that was created without a context.
                set.set();
                co_await set.wait();
                co_await permits.acquire();
                co_await numbers.send(1);
                lock = co_await mutex.lock();
                char byte = 'x';
                co_await ends.first.send(const_buffer(&byte, 1));
                co_await ends.second.recv(mutable_buffer(&byte, 1));
                co_await with_group([&](task_group& started) -> task<> {
                    group = &started;
                    co_await never.wait();
                });
            })
            .detach();
        context.poll();
    }
    // Destroys the group's body before the objects that it waits for.
    ~owned_objects() { context.destroy(); }

    event set;
    event never;
    semaphore permits{2};
    channel<int> numbers{4};
    stream_pair ends;
    coil::mutex mutex;
    mutex_lock lock;
    scripted_context context;
    tcp::socket stream = context.connected_socket();
    tcp::socket fresh{context};
    tcp::acceptor acceptor = context.acceptor();
    udp::socket datagrams = context.datagram_socket();
    std::optional<tcp::socket> dying = context.connected_socket();
    std::optional<recv_stream> chunks = stream.recv_stream();
    steady_timer timer{context, 1h};
    tcp::resolver resolver{context};
    join_handle<void> handle = context.spawn([this]() -> task<> { co_await never.wait(); });
    task_group* group = nullptr;
};

struct call {
    const char* name;
    void (*make)(owned_objects&);
    const char* words;
};

void PrintTo(const call& made, std::ostream* out) { *out << made.name; }

std::string call_name(const testing::TestParamInfo<call>& info) { return info.param.name; }

// ---- calls that cannot throw ------------------------------------------------------------------------------

using WrongThreadDeathTest = testing::TestWithParam<call>;

TEST_P(WrongThreadDeathTest, AbortsWithAMessage) {
    const auto story = [&] {
        owned_objects objects;
        on_another_thread([&] { GetParam().make(objects); });
    };
    EXPECT_DEATH(story(), std::string("coil: ") + GetParam().words +
                              " on the wrong thread; use post\\(\\) to call it on the io_context's thread: "
                              "io_context 0x[0-9a-f]+ of thread [0-9]+, called on thread [0-9]+");
}

const call calls[] = {
    {"EventSet", [](owned_objects& of) { of.set.set(); }, "event: set\\(\\)"},
    {"EventReset", [](owned_objects& of) { of.set.reset(); }, "event: reset\\(\\)"},
    {"MutexTryLock", [](owned_objects& of) { static_cast<void>(of.mutex.try_lock()); },
     "mutex: try_lock\\(\\)"},
    {"MutexUnlock", [](owned_objects& of) { of.lock.unlock(); }, "mutex: unlocked"},
    {"SemaphoreRelease", [](owned_objects& of) { of.permits.release(); }, "semaphore: release\\(\\)"},
    {"SemaphoreTryAcquire", [](owned_objects& of) { static_cast<void>(of.permits.try_acquire()); },
     "semaphore: try_acquire\\(\\)"},
    {"ChannelClose", [](owned_objects& of) { of.numbers.close(); }, "channel: close\\(\\)"},
    {"SocketCancel", [](owned_objects& of) { of.stream.cancel(); }, "socket: cancel\\(\\)"},
    {"SocketClose", [](owned_objects& of) { of.stream.close(); }, "socket: closed or destroyed"},
    {"SocketShutdown", [](owned_objects& of) { of.stream.shutdown(tcp::socket::shutdown_both); },
     "socket: shutdown\\(\\)"},
    {"SocketDestructor", [](owned_objects& of) { of.dying.reset(); }, "socket: closed or destroyed"},
    {"AcceptorClose", [](owned_objects& of) { of.acceptor.close(); }, "socket: closed or destroyed"},
    {"RecvStreamDestructor", [](owned_objects& of) { of.chunks.reset(); },
     "recv_stream: destroyed or assigned to"},
    {"TimerCancel", [](owned_objects& of) { of.timer.cancel(); },
     "steady_timer: cancelled, set or destroyed"},
    {"TimerExpiresAfter", [](owned_objects& of) { of.timer.expires_after(1s); },
     "steady_timer: cancelled, set or destroyed"},
    {"ResolverCancel", [](owned_objects& of) { of.resolver.cancel(); }, "resolver: cancelled or destroyed"},
    {"HandleRequestStop", [](owned_objects& of) { of.handle.request_stop(); }, "task: request_stop\\(\\)"},
    {"HandleDetach", [](owned_objects& of) { of.handle.detach(); }, "join_handle: dropped or detached"},
    {"MemoryStreamClose", [](owned_objects& of) { of.ends.first.close(); },
     "memory_stream: cancelled, closed or destroyed"},
    {"MemoryStreamShutdown", [](owned_objects& of) { of.ends.second.shutdown(tcp::socket::shutdown_send); },
     "memory_stream: shutdown\\(\\)"},
    {"MemoryStreamReset", [](owned_objects& of) { of.ends.first.reset(); }, "memory_stream: reset\\(\\)"},
    {"GroupCancel", [](owned_objects& of) { of.group->cancel(); }, "task_group: cancel\\(\\)"},
};

INSTANTIATE_TEST_SUITE_P(Each, WrongThreadDeathTest, testing::ValuesIn(calls), call_name);

TEST(ChunkDeathTest, AbortsWhenReleasedOnAnotherThread) {
    const auto story = [] {
        scripted_context context;
        tcp::socket socket = context.connected_socket();
        chunk received;
        context.run([&]() -> task<> {
            context.answer_next("hello");
            received = co_await socket.recv_chunk();
        });
        on_another_thread([&] { received.reset(); });
    };
    EXPECT_DEATH(story(), "chunk: destroyed or reset on the wrong thread; use post");
}

// ---- calls that can throw ---------------------------------------------------------------------------------

task<> nothing() { co_return; }

using WrongThread = testing::TestWithParam<call>;

TEST_P(WrongThread, Throws) {
    owned_objects objects;
    const std::string owner = std::to_string(::gettid());
    on_another_thread([&] {
        try {
            GetParam().make(objects);
            ADD_FAILURE() << "it did not throw";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::wrong_thread);
            const std::string text = failure.what();
            EXPECT_EQ(text.find(std::string(GetParam().words) + " (io_context 0x"), 0u) << text;
            for (const std::string& part:
                 {" of thread " + owner, ", called on thread " + std::to_string(::gettid())})
                EXPECT_NE(text.find(part), std::string::npos) << "no \"" << part << "\" in: " << text;
        }
    });
}

const call throwing_calls[] = {
    {"SocketOpen", [](owned_objects& of) { of.fresh.open(tcp::v4()); }, "open"},
    {"SocketAssign", [](owned_objects& of) { of.fresh.assign(tcp::v4(), 1000); }, "assign"},
    {"SocketFirstUse", [](owned_objects& of) { static_cast<void>(of.fresh.wait(tcp::socket::wait_read)); },
     "the first use of a socket"},
    {"SocketRelease", [](owned_objects& of) { static_cast<void>(of.datagrams.release()); }, "release"},
    {"ChannelTrySend", [](owned_objects& of) { static_cast<void>(of.numbers.try_send(2)); },
     "channel::try_send"},
    {"ChannelTryReceive", [](owned_objects& of) { static_cast<void>(of.numbers.try_receive()); },
     "channel::try_receive"},
    {"RecvStream", [](owned_objects& of) { static_cast<void>(of.dying->recv_stream()); }, "recv_stream"},
    {"Pool", [](owned_objects& of) { static_cast<void>(of.context.io().pool()); }, "io_context::pool"},
    {"BulkPool", [](owned_objects& of) { static_cast<void>(of.context.io().pools().bulk()); },
     "io_context::pool"},
    {"DatagramPool", [](owned_objects& of) { static_cast<void>(of.context.io().pools().datagrams()); },
     "recvfrom_stream"},
    {"GroupStart", [](owned_objects& of) { of.group->start(nothing()); }, "task_group::start"},
    {"GroupStartFunction", [](owned_objects& of) { of.group->start(nothing); }, "task_group::start"},
    {"CoSpawn", [](owned_objects& of) { co_spawn(of.context.io(), nothing(), detached); }, "co_spawn"},
    {"Run", [](owned_objects& of) { of.context.io().run(); }, "io_context::run"},
    {"RunOne", [](owned_objects& of) { of.context.io().run_one(); }, "io_context::run_one"},
    {"RunUntil", [](owned_objects& of) { of.context.io().run_for(1s); }, "io_context::run_until"},
    {"Poll", [](owned_objects& of) { of.context.io().poll(); }, "io_context::poll"},
    {"PollOne", [](owned_objects& of) { of.context.io().poll_one(); }, "io_context::poll_one"},
    {"Metrics", [](owned_objects& of) { static_cast<void>(of.context.io().metrics()); },
     "io_context::metrics"},
    {"OnTaskError", [](owned_objects& of) { of.context.io().on_task_error([](const task_failure&) {}); },
     "io_context::on_task_error"},
};

INSTANTIATE_TEST_SUITE_P(Each, WrongThread, testing::ValuesIn(throwing_calls), call_name);

// A call that throws changes nothing.
TEST(WrongThread, LeavesSocketAndMessageUnchanged) {
    owned_objects objects;
    std::string message = "kept";
    channel<std::string> texts(1);
    objects.context
        .spawn([&]() -> task<> {
            co_await texts.send("");
            co_await texts.receive();
        })
        .detach();
    objects.context.poll();
    on_another_thread([&] {
        EXPECT_THROW(static_cast<void>(objects.stream.release()), std::system_error);
        EXPECT_THROW(static_cast<void>(texts.try_send(std::move(message))), std::system_error);
    });
    EXPECT_TRUE(objects.stream.is_open());
    EXPECT_EQ(message, "kept");
    EXPECT_TRUE(texts.try_send(std::move(message)));
}

TEST(WrongThread, DetachOfAChunkThrows) {
    scripted_context context;
    tcp::socket socket = context.connected_socket();
    chunk received;
    context.run([&]() -> task<> {
        context.answer_next("hello");
        received = co_await socket.recv_chunk();
    });
    on_another_thread([&] {
        try {
            received.detach();
            ADD_FAILURE() << "it did not throw";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::wrong_thread) << failure.what();
        }
    });
    EXPECT_EQ(received.text(), "hello");
    received.detach();
    on_another_thread([&] { received.reset(); });
}

// Any thread may call stop() and restart(), even while the owner thread lives.
TEST(WrongThread, AllowsStopAndRestart) {
    owned_objects objects;
    on_another_thread([&] {
        objects.context.io().stop();
        EXPECT_TRUE(objects.context.io().stopped());
        objects.context.io().restart();
    });
    EXPECT_FALSE(objects.context.io().stopped());
}

// Another thread may use objects that have no context, or whose context has ended.
TEST(WrongThread, AllowsObjectsOfAnEndedContext) {
    event ready;
    channel<int> numbers(1);
    {
        scripted_context context;
        context.run([&]() -> task<> {
            ready.set();
            co_await ready.wait();
            co_await numbers.send(1);
        });
    }
    on_another_thread([&] {
        ready.reset();
        EXPECT_EQ(numbers.try_receive(), 1);
        EXPECT_TRUE(numbers.try_send(2));
        numbers.close();
    });
}

TEST(WrongThread, AllowsAnyThreadBeforeTheFirstRun) {
    scripted_context context;
    tcp::socket socket(context);
    on_another_thread([&] {
        socket.open(tcp::v4());
        socket.cancel();
        static_cast<void>(context.io().metrics());
        context.io().on_task_error([](const task_failure&) {});
        socket.close();
    });
}

// ---- awaits by a task of another context ------------------------------------------------------------------

/// Awaits an object of the context `there` in a task of the context `here`, on a single thread.
class WrongContext : public testing::Test {
protected:
    template <class Await>
    void expect_refusal(Await await, const std::string& what = "") {
        here.run([&]() -> task<> {
            try {
                co_await await();
                ADD_FAILURE() << what << ": it did not throw";
            } catch (const std::system_error& failure) {
                const std::string text = failure.what();
                EXPECT_EQ(failure.code(), error::wrong_context) << text;
                for (const std::string& part:
                     {what, name_of(there), name_of(here), std::string("wrong_thread_test.cpp:"),
                      std::string("release()")})
                    EXPECT_NE(text.find(part), std::string::npos) << "no \"" << part << "\" in: " << text;
            }
        });
    }
    template <class Await>
    void waits_there(Await await) {
        there.spawn([await]() -> task<> { co_await await(); }).detach();
        there.poll();
    }

    static std::string name_of(scripted_context& context) {
        std::array<char, 64> text;
        std::snprintf(text.data(), text.size(), "io_context %p",
                      static_cast<const void*>(static_cast<const detail::scheduler*>(&context.io())));
        return text.data();
    }

    event never;
    scripted_context there;
    scripted_context here;
    std::array<char, 16> bytes{};
};

TEST_F(WrongContext, IsRefusedByStreams) {
    tcp::socket socket = there.connected_socket();
    expect_refusal([&] { return socket.recv(bytes); }, "recv on descriptor ");
    expect_refusal([&] { return socket.send(bytes); }, "send on descriptor ");
    expect_refusal([&] { return socket.wait(tcp::socket::wait_read); }, "wait on descriptor ");
    expect_refusal([&] { return socket.recv_chunk(); }, "recv on descriptor ");
    expect_refusal([&] { return coil::read(socket, bytes); }, "recv on descriptor ");
    expect_refusal([&] { return coil::write(socket, bytes); }, "send on descriptor ");
    recv_stream incoming = socket.recv_stream();
    expect_refusal([&] { return incoming.next(); }, "recv on descriptor ");
    tcp::socket unconnected(there, tcp::v4());
    expect_refusal([&] { return unconnected.connect({ip::address_v4::loopback(), 7777}); },
                   "connect on descriptor ");
}

TEST_F(WrongContext, IsRefusedByDatagramSockets) {
    udp::socket socket = there.datagram_socket();
    udp::endpoint peer(ip::address_v4::loopback(), 7777);
    expect_refusal([&] { return socket.recvfrom(bytes); }, "recvfrom on descriptor ");
    expect_refusal([&] { return socket.sendto(bytes, peer); }, "sendto on descriptor ");
}

TEST_F(WrongContext, IsRefusedByAcceptors) {
    tcp::acceptor acceptor = there.acceptor();
    expect_refusal([&] { return acceptor.accept(); }, "accept on descriptor ");
}

TEST_F(WrongContext, IsRefusedByTimersAndSignals) {
    steady_timer timer(there, 1h);
    expect_refusal([&] { return timer.wait(); }, "sleep");
    signal_set signals(there, SIGUSR2);
    expect_refusal([&] { return signals.wait(); }, "signal wait on descriptor ");
}

TEST_F(WrongContext, IsRefusedByResolvers) {
    tcp::resolver resolver(there);
    expect_refusal([&] { return resolver.resolve("127.0.0.1", "80"); }, "resolve ");
}

TEST_F(WrongContext, IsRefusedByDescriptors) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    posix::stream_descriptor in(there, ends[0]);
    posix::stream_descriptor out(there, ends[1]);
    expect_refusal([&] { return in.recv(bytes); }, "read on descriptor ");
    expect_refusal([&] { return out.send(bytes); }, "write on descriptor ");
}

TEST_F(WrongContext, IsRefusedByJoinHandles) {
    auto handle = there.spawn([this]() -> task<> { co_await never.wait(); });
    expect_refusal([&] { return handle.join(); }, "join");
}

TEST_F(WrongContext, IsRefusedByGroups) {
    task_group* group = nullptr;
    waits_there([this, &group] {
        return with_group([this, &group](task_group& started) -> task<> {
            group = &started;
            co_await never.wait();
        });
    });
    expect_refusal([&] { return group->join(); }, "task_group");
    expect_refusal([&] { return group->wait_for_vacancy(); }, "task_group");
    there.destroy();
}

TEST_F(WrongContext, IsRefusedByEventsInUse) {
    waits_there([this] { return never.wait(); });
    expect_refusal([&] { return never.wait(); }, "wait for an event");
    there.destroy();
}

TEST_F(WrongContext, IsRefusedByMutexesInUse) {
    coil::mutex mutex;
    mutex_lock lock;
    there.run([&]() -> task<> { lock = co_await mutex.lock(); });
    expect_refusal([&] { return mutex.lock(); }, "lock of a mutex");
    lock.unlock();
}

TEST_F(WrongContext, IsRefusedBySemaphoresInUse) {
    semaphore permits(0);
    waits_there([&] { return permits.acquire(); });
    expect_refusal([&] { return permits.acquire(); }, "acquire of a semaphore");
    there.destroy();
}

TEST_F(WrongContext, IsRefusedByMemoryStreamsInUse) {
    stream_pair ends;
    waits_there([&] { return ends.first.recv(bytes); });
    expect_refusal([&] { return ends.second.send(bytes); }, "send (in memory)");
    there.destroy();
}

TEST_F(WrongContext, IsRefusedByChannelsInUse) {
    channel<int> numbers(1);
    waits_there([&] { return numbers.receive(); });
    expect_refusal([&] { return numbers.send(1); }, "send to a channel");
    expect_refusal([&] { return numbers.receive(); }, "receive from a channel");
    there.destroy();
}

// Neither a deadline nor an adapter that returns errors as values hides the mistake.
TEST_F(WrongContext, IsRefusedInsideAdapters) {
    tcp::socket socket = there.connected_socket();
    expect_refusal([&] { return timeout(socket.recv(bytes), 1s); }, "recv on descriptor ");
    expect_refusal([&] { return as_tuple(socket.recv(bytes)); }, "recv on descriptor ");
    expect_refusal([&] { return when_all(socket.recv(bytes), sleep_for(1h)); }, "recv on descriptor ");
}

// An idle object may be used by another context of the same thread.
TEST_F(WrongContext, AllowsIdleObjects) {
    event ready;
    coil::mutex mutex;
    semaphore permits(1);
    channel<int> numbers(1);
    const auto use_all = [&]() -> task<> {
        ready.set();
        co_await ready.wait();
        auto lock = co_await mutex.lock();
        co_await permits.acquire();
        permits.release();
        co_await numbers.send(7);
        EXPECT_EQ(co_await numbers.receive(), 7);
    };
    there.run(use_all);
    here.run(use_all);
}

// The object is idle, but the thread of its context may use it at any time.
TEST_F(WrongContext, IsRefusedForIdleObjectsOfOtherThreads) {
    event ready;
    there.run([&]() -> task<> {
        ready.set();
        co_await ready.wait();
    });
    on_another_thread([&] {
        scripted_context elsewhere;
        elsewhere.run([&]() -> task<> {
            try {
                co_await ready.wait();
                ADD_FAILURE() << "it did not throw";
            } catch (const std::system_error& failure) {
                EXPECT_EQ(failure.code(), error::wrong_context) << failure.what();
            }
        });
    });
}

}  // namespace
}  // namespace coil::test
