// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <dirent.h>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <coil/coil.hpp>
#include <coil/test/stream_pair.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/allocations.hpp"
#include "support/co_assert.hpp"
#include "support/plain_peer.hpp"

// Each story runs once for every n with the n-th allocation failing, and once with the n-th and all later
// allocations failing. The story must end as usual or with std::bad_alloc (not_enough_memory if a function
// reports codes). The program must continue, leak no descriptor and no block, and the context must run
// another task afterwards. There is one story for each kind of operation.

namespace coil::test {
namespace {

using namespace std::chrono_literals;
using ip::tcp;
using ip::udp;

constexpr io_context::options small{.entries = 16, .completions = 32, .pool_size = 64 << 10};

std::size_t open_descriptors() {
    std::size_t count = 0;
    DIR* listing = ::opendir("/proc/self/fd");
    while (::readdir(listing))
        ++count;
    ::closedir(listing);
    return count;
}

bool is_out_of_memory(const std::error_code& error) { return error == std::errc::not_enough_memory; }

/// One run of a story on a context of its own.
class attempt {
public:
    // `story` is a function that takes the context and returns a task<>.
    template <class Story>
    void run(std::size_t n, std::size_t count, Story& story) {
        allocations::fail_from(n, count);
        try {
            context_.emplace(small);
            {
                const allocations::exempt here;
                context_->on_task_error([this](const task_failure& failure) { note(failure.exception); });
            }
            co_spawn(*context_, run_story(story), detached);
            context_->run_for(10s);
        } catch (...) {
            note(std::current_exception());
        }
        failed_ = allocations::fail_no_more();
        EXPECT_TRUE(ended_ || ran_out_) << "the story did not end";
        EXPECT_TRUE(ended_ || failed_ > 0);
        if (context_)
            run_another();
    }
    [[nodiscard]] bool has_failed() const { return failed_ > 0; }

private:
    template <class Story>
    task<> run_story(Story& story) {
        co_await story(*context_);
        ended_ = true;
    }

    void note(const std::exception_ptr& exception) {
        try {
            std::rethrow_exception(exception);
        } catch (const std::bad_alloc&) {
            ran_out_ = true;
        } catch (const std::system_error& error) {
            EXPECT_PRED1(is_out_of_memory, error.code()) << error.what();
            ran_out_ = true;
        }
    }

    void run_another() {
        bool ran = false;
        co_spawn(
            *context_,
            [&]() -> task<> {
                co_await sleep_for(1us);
                ran = true;
                context_->stop();
            },
            detached);
        for (int rounds = 0; rounds < 5 && !ran; ++rounds) {
            context_->restart();
            try {
                context_->run_for(10s);
            } catch (...) {
                note(std::current_exception());  // from tasks that the story left behind
            }
        }
        EXPECT_TRUE(ran) << "the context runs no other task";
    }

    std::optional<io_context> context_;
    bool ended_ = false;
    bool ran_out_ = false;
    std::size_t failed_ = 0;
};

class EveryAllocation : public testing::Test {
protected:
    /// Returns the number of allocations that can fail.
    template <class Story>
    std::size_t fails_in(Story story) {
        in_a_thread(0, 0, story);  // allocates the process-wide state first
        std::size_t places = 0;
        for (const std::size_t count: {std::size_t{1}, allocations::unlimited}) {
            const std::size_t descriptors = open_descriptors();
            for (std::size_t n = 1; in_a_thread(n, count, story); ++n) {
                EXPECT_EQ(open_descriptors(), descriptors);
                if (n > 1000 || HasFailure()) {
                    ADD_FAILURE() << "allocation " << n << " and " << (count == 1 ? "no" : "every")
                                  << " later one failing";
                    return places;
                }
                ++places;
            }
        }
        EXPECT_GT(places, 0u);
        return places;
    }

private:
    // A new thread has an empty frame cache, so every coroutine frame is allocated.
    template <class Story>
    static bool in_a_thread(std::size_t n, std::size_t count, Story& story) {
        const long long before = allocations::blocks_of_all_threads();
        bool has_failed = false;
        std::thread([&] {
            attempt one;
            one.run(n, count, story);
            has_failed = one.has_failed();
        }).join();
        if (n > 0 && !uses_threads_of_the_process) {
            EXPECT_EQ(allocations::blocks_of_all_threads(), before) << "blocks were lost";
        }
        return has_failed;
    }

protected:
    static inline bool uses_threads_of_the_process = false;
    void TearDown() override { uses_threads_of_the_process = false; }
};

/// A connected pair of stream sockets: `near` belongs to the context, `far` to the test.
struct connected_pair {
    explicit connected_pair(io_context& context) : near(context) {
        int numbers[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, numbers) != 0)
            throw std::system_error(errno, std::system_category(), "socketpair");
        unique_descriptor ours(numbers[0]);
        far = plain_peer(numbers[1]);
        near.assign({}, ours.get());
        static_cast<void>(ours.release());
    }

    local::stream_protocol::socket near;
    plain_peer far;
};

task<> one_hop() { co_await yield(); }

// ---- operations -------------------------------------------------------------------------------------------

TEST_F(EveryAllocation, MayFailInRecvAndSend) {
    fails_in([](io_context& context) -> task<> {
        connected_pair ends(context);
        std::array<char, 10> buffer;
        co_await ends.near.send("hello");
        ends.far.send("world");
        EXPECT_EQ(co_await ends.near.recv(buffer), 5u);
        ends.far.send("again");
        std::array<char, 2> first;
        EXPECT_EQ(co_await ends.near.recv(first, buffer), 5u);
        co_await ends.near.send(first, buffer);
        co_await write(ends.near, "all of it");
        ends.far.send("0123456789");
        co_await read(ends.near, buffer);
    });
}

TEST_F(EveryAllocation, MayFailInAFailingSend) {
    fails_in([](io_context& context) -> task<> {
        connected_pair ends(context);
        ends.near.shutdown(socket_base::shutdown_send);
        try {
            co_await ends.near.send("hello");
            ADD_FAILURE();
        } catch (const transfer_error& failure) {
            EXPECT_EQ(failure.code(), error::broken_pipe);
        }
        const auto refused = co_await as_tuple(ends.near.send("hello"));
        EXPECT_EQ(refused.error(), error::broken_pipe);
    });
}

// A connection whose accept fails stays in the backlog for the next accept.
TEST_F(EveryAllocation, MayFailInAcceptAndConnect) {
    fails_in([](io_context& context) -> task<> {
        tcp::acceptor acceptor(context, {ip::address_v4::loopback(), 0});
        tcp::socket client(context);
        co_await client.connect(acceptor.local_endpoint());
        auto first = co_await as_tuple(acceptor.accept());
        if (first.error()) {
            EXPECT_EQ(first.error(), std::errc::not_enough_memory);
            first = co_await as_tuple(acceptor.accept());
        }
        if (first.error())
            throw std::bad_alloc();
        EXPECT_EQ((*first).remote_endpoint(), client.local_endpoint());
        tcp::socket second(context);
        co_await second.connect(acceptor.local_endpoint());
        tcp::endpoint peer;
        tcp::socket other = co_await acceptor.accept(peer);
        EXPECT_EQ(peer, second.local_endpoint());
    });
}

TEST_F(EveryAllocation, MayFailInConnectOfARange) {
    fails_in([](io_context& context) -> task<> {
        tcp::acceptor acceptor(context, {ip::address_v4::loopback(), 0});
        const tcp::endpoint there = acceptor.local_endpoint();
        const std::array endpoints{tcp::endpoint(ip::address_v4::loopback(), 1), there};
        tcp::socket client = co_await connect(context, endpoints);
        EXPECT_EQ(client.remote_endpoint(), there);
    });
}

TEST_F(EveryAllocation, MayFailInDatagrams) {
    fails_in([](io_context& context) -> task<> {
        udp::socket one(context, {ip::address_v4::loopback(), 0});
        udp::socket two(context, {ip::address_v4::loopback(), 0});
        const udp::endpoint to = two.local_endpoint();
        std::array<char, 10> buffer;
        co_await one.sendto("hello", to);
        EXPECT_EQ((co_await two.recvfrom(buffer)).size, 5u);
        std::array<char, 2> first;
        co_await one.sendto("hello", to);
        EXPECT_EQ((co_await two.recvfrom(first, buffer)).size, 5u);
        co_await one.connect(to);
        co_await one.send(first, buffer);
        static_cast<void>(co_await two.recv(buffer));
    });
}

TEST_F(EveryAllocation, MayFailInDatagramsThatWaitForRoom) {
    fails_in([](io_context& context) -> task<> {
        local::datagram_protocol::socket one(context), two(context);
        local::connect_pair(one, two);
        std::array<char, 10> buffer;
        co_await one.send("hello");
        EXPECT_EQ((co_await two.recv(buffer)).size, 5u);
    });
}

TEST_F(EveryAllocation, MayFailInWait) {
    fails_in([](io_context& context) -> task<> {
        connected_pair ends(context);
        ends.far.send("x");
        co_await ends.near.wait(socket_base::wait_read);
        co_await ends.near.wait(socket_base::wait_write);
    });
}

TEST_F(EveryAllocation, MayFailInDescriptorPassing) {
    fails_in([](io_context& context) -> task<> {
        local::stream_protocol::socket one(context), two(context);
        local::connect_pair(one, two);
        std::array<char, 4> buffer;
        const std::array numbers{0};
        co_await local::send_descriptors(one, "x", numbers);
        std::array<unique_descriptor, 2> received;
        const auto got = co_await local::recv_descriptors(two, buffer, received);
        EXPECT_EQ(got.descriptors, 1u);
    });
}

// ---- received ahead ---------------------------------------------------------------------------------------

TEST_F(EveryAllocation, MayFailInARecvStream) {
    fails_in([](io_context& context) -> task<> {
        connected_pair ends(context);
        std::array<char, 3> buffer;
        ends.far.send("0123456789");
        auto incoming = ends.near.recv_stream();
        EXPECT_EQ((co_await incoming.next())->text(), "0123456789");
        for (const char* each: {"a", "b", "c", "d"})
            ends.far.send(each);
        std::size_t received = (co_await incoming.next())->size();
        if (received < 4) {
            auto race = co_await when_any(incoming.next(), sleep_for(10s));
            received += (*race.get<0>())->size();
        }
        while (received < 4)
            received += co_await ends.near.recv(buffer);
        ends.far.send("0123456789");
        chunk kept = co_await ends.near.recv_chunk();
        kept.detach();
        EXPECT_EQ(kept.text(), "0123456789");
        ends.far.close();
        EXPECT_FALSE(co_await incoming.next());
    });
}

TEST_F(EveryAllocation, MayFailInARecvStreamOnALowPool) {
    fails_in([](io_context& context) -> task<> {
        connected_pair hoarder(context);
        connected_pair ends(context);
        auto incoming = ends.near.recv_stream();
        std::optional<std::vector<chunk>> kept;
        {
            const allocations::exempt here;
            kept.emplace().reserve(100);
        }
        // If a copy fails for lack of memory, the chunk stays in the pool and pins its entry. A receive that
        // then finds no free entry times out, and the kept chunks are released.
        const auto hoard = [&](std::string_view bytes) -> task<> {
            hoarder.far.send(bytes);
            try {
                kept->push_back(co_await timeout(hoarder.near.recv_chunk(), 5ms));
            } catch (const std::system_error& failure) {
                EXPECT_EQ(failure.code(), error::timed_out);
                kept->clear();
            }
        };
        const std::array<char, 16 << 10> large{};
        for (int i = 0; i < 6; ++i)
            co_await hoard({large.data(), large.size()});
        for (int i = 0; i < 20; ++i) {
            ends.far.send("x");
            if (i == 0) {
                auto first = co_await as_tuple(timeout(incoming.next(), 5ms));
                if (first.error())
                    kept->clear();
            }
            co_await hoard("y");
        }
        kept->clear();
        ends.far.close();
        while (co_await incoming.next())
            ;
    });
}

TEST_F(EveryAllocation, MayFailInARecvfromStream) {
    fails_in([](io_context& context) -> task<> {
        udp::socket one(context, {ip::address_v4::loopback(), 0});
        udp::socket two(context, {ip::address_v4::loopback(), 0});
        const udp::endpoint to = two.local_endpoint();
        auto incoming = two.recvfrom_stream();
        std::array<char, 10> buffer;
        for (int i = 0; i < 3; ++i)
            co_await one.sendto("hello", to);
        EXPECT_EQ((co_await incoming.next())->text(), "hello");
        EXPECT_EQ((co_await two.recvfrom(buffer)).size, 5u);
        EXPECT_EQ((co_await incoming.next_train())->text(), "hello");
    });
}

// ---- beside sockets ---------------------------------------------------------------------------------------

TEST_F(EveryAllocation, MayFailInAStreamDescriptor) {
    fails_in([](io_context& context) -> task<> {
        int numbers[2];
        CO_ASSERT_EQ(::pipe2(numbers, O_CLOEXEC), 0);
        unique_descriptor from(numbers[0]);
        const unique_descriptor into(numbers[1]);
        posix::stream_descriptor reader(context);
        reader.assign(from.get());
        static_cast<void>(from.release());
        EXPECT_EQ(::write(into.get(), "hello", 5), 5);
        std::array<char, 10> buffer;
        EXPECT_EQ(co_await reader.recv(buffer), 5u);
    });
}

TEST_F(EveryAllocation, MayFailInTimers) {
    fails_in([](io_context& context) -> task<> {
        steady_timer timer(context);
        timer.expires_after(1us);
        co_await timer.wait();
        co_await sleep_for(1us);
        EXPECT_EQ((co_await as_tuple(timeout(sleep_for(1h), 1us))).error(), error::timed_out);
        try {
            co_await timeout(sleep_for(1h), 1us);
            ADD_FAILURE();
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::timed_out);
        }
    });
}

TEST_F(EveryAllocation, MayFailInASignalSet) {
    uses_threads_of_the_process = true;
    fails_in([](io_context& context) -> task<> {
        signal_set signals(context, SIGUSR1);
        signals.add(SIGUSR2);
        ::raise(SIGUSR1);
        EXPECT_EQ(co_await signals.wait(), SIGUSR1);
    });
}

TEST_F(EveryAllocation, MayFailInResolve) {
    uses_threads_of_the_process = true;
    fails_in([](io_context& context) -> task<> {
        tcp::resolver resolver(context);
        const auto numbers = co_await resolver.resolve("127.0.0.1", "80");
        EXPECT_EQ(numbers.size(), 1u);
        static_cast<void>(co_await resolver.resolve(tcp::endpoint(ip::address_v4::loopback(), 80)));
    });
}

TEST_F(EveryAllocation, MayFailInOffload) {
    uses_threads_of_the_process = true;
    fails_in([](io_context&) -> task<> {
        EXPECT_EQ(co_await offload([](int x) { return 2 * x; }, 21), 42);
        thread_pool own(1);
        EXPECT_EQ(co_await offload(own, [] { return 42; }), 42);
    });
}

// ---- tasks ------------------------------------------------------------------------------------------------

TEST_F(EveryAllocation, MayFailInSpawnAndJoin) {
    fails_in([](io_context& context) -> task<> {
        auto one = co_spawn(context, one_hop);
        co_spawn(
            context, [](std::unique_ptr<int>) -> task<> { co_await yield(); }, std::make_unique<int>(1),
            detached);
        co_await one.join();
        static_cast<void>(co_spawn(context, one_hop()));  // dropped: detached
        co_await yield();
    });
}

TEST_F(EveryAllocation, MayFailInAFailingTask) {
    fails_in([](io_context& context) -> task<> {
        auto failing = co_spawn(context, []() -> task<int> {
            co_await yield();
            throw std::bad_alloc();
        });
        EXPECT_THROW(co_await failing.join(), std::bad_alloc);
    });
}

TEST_F(EveryAllocation, MayFailInAFailingDetachedTask) {
    fails_in([](io_context& context) -> task<> {
        const auto fail = []() -> task<> {
            co_await yield();
            throw std::system_error(std::make_error_code(std::errc::not_enough_memory), "out of memory");
        };
        co_spawn(context, fail, detached);
        auto dropped = co_spawn(context, fail);
        for (int i = 0; i < 5; ++i)
            co_await yield();
    });
}

TEST_F(EveryAllocation, MayFailInRaces) {
    fails_in([](io_context&) -> task<> {
        auto race = co_await when_any(sleep_for(1us), sleep_for(1h), one_hop());
        EXPECT_LE(race.index(), 2u);
        co_await when_all(sleep_for(1us), one_hop());
        static_cast<void>(co_await first_success(one_hop(), sleep_for(1h)));
        std::vector many(3, sleep_for(1us));
        static_cast<void>(co_await when_any(std::move(many)));
    });
}

TEST_F(EveryAllocation, MayFailInAGroup) {
    fails_in([](io_context&) -> task<> {
        co_await with_group([](task_group& group) -> task<> {
            group.start(one_hop());
            group.start(one_hop);
            co_await group.join();
            group.start([]() -> task<> { co_await sleep_for(1h); });
            group.cancel();
        });
    });
}

TEST_F(EveryAllocation, MayFailInAFailingChild) {
    fails_in([](io_context&) -> task<> {
        try {
            co_await with_group([](task_group& group) -> task<> {
                group.start([]() -> task<> { co_await timeout(sleep_for(1h), 1us); });
                co_await sleep_for(1h);
            });
            ADD_FAILURE();
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::timed_out);
        }
    });
}

TEST_F(EveryAllocation, MayFailInShieldAndStopWhen) {
    fails_in([](io_context&) -> task<> {
        co_await shield(one_hop());
        co_await shield(sleep_for(1us));
        inplace_stop_source source;
        co_await stop_when(one_hop(), source.get_token());
    });
}

TEST_F(EveryAllocation, MayFailInAGenerator) {
    fails_in([](io_context&) -> task<> {
        auto numbers = []() -> async_generator<int> {
            co_yield 1;
            co_await yield();
            co_yield 2;
        }();
        int sum = 0;
        while (auto next = co_await numbers.next())
            sum += *next;
        EXPECT_EQ(sum, 3);
    });
}

// ---- sync -------------------------------------------------------------------------------------------------

TEST_F(EveryAllocation, MayFailInAChannel) {
    fails_in([](io_context&) -> task<> {
        channel<int> numbers(2);
        channel<int> many(channel<int>::unbounded);
        int count = 0;
        const auto send = [&]() -> task<> {
            for (int i = 0; i < 20; ++i) {
                co_await numbers.send(i);
                co_await many.send(i);
            }
            numbers.close();
        };
        const auto receive = [&]() -> task<> {
            while (const auto number = co_await numbers.receive())
                ++count;
        };
        co_await when_all(send(), receive());
        EXPECT_EQ(count, 20);
    });
}

TEST_F(EveryAllocation, MayFailInMutexSemaphoreAndEvent) {
    fails_in([](io_context&) -> task<> {
        mutex lock;
        semaphore permits(0);
        event ready;
        const auto one = [&]() -> task<> {
            permits.release();
            const auto held = co_await lock.lock();
            ready.set();
        };
        const auto other = [&]() -> task<> {
            {
                const auto held = co_await lock.lock();
                co_await permits.acquire();
            }
            co_await ready.wait();
        };
        co_await when_all(other(), one());
    });
}

TEST_F(EveryAllocation, MayFailInAOneShot) {
    fails_in([](io_context&) -> task<> {
        one_shot<std::string> answer;
        answer.get_completer().set_value("a text that is too long to be kept in the string itself");
        EXPECT_FALSE((co_await answer.wait()).empty());
        one_shot<int> broken;
        static_cast<void>(broken.get_completer());
        EXPECT_EQ((co_await as_tuple(broken.wait())).error(), error::broken_promise);
    });
}

TEST_F(EveryAllocation, MayFailInPost) {
    fails_in([](io_context& context) -> task<> {
        event ran;
        context.post([&ran] { ran.set(); });
        co_await ran.wait();
    });
}

TEST_F(EveryAllocation, MayFailInSyncWait) {
    fails_in([](io_context&) -> task<> {
        EXPECT_EQ(sync_wait([]() -> task<int> {
                      co_await yield();
                      co_return 42;
                  }),
                  42);
        co_return;
    });
}

// ---- algo -------------------------------------------------------------------------------------------------

TEST_F(EveryAllocation, MayFailInBufferedReaderAndWriter) {
    fails_in([](io_context& context) -> task<> {
        connected_pair ends(context);
        buffered_reader reader(ends.near, {.limit = 100'000});
        buffered_writer writer(ends.near);
        ends.far.send("one\ntwo\n");
        EXPECT_EQ(*co_await reader.read_line(), "one");
        EXPECT_EQ(*co_await reader.read_line(), "two");
        co_await writer.write("hello, ", "world\n");
        co_await writer.flush();
        EXPECT_EQ(ends.far.recv().size(), 13u);
        std::optional<std::string> text;
        {
            const allocations::exempt here;
            text.emplace(20'000, 'x');
            text->back() = '\n';
            ends.far.send(*text);
        }
        EXPECT_EQ((co_await reader.read_line())->size(), 19'999u);
        ends.far.close();
        EXPECT_FALSE(co_await reader.read_line());
    });
}

TEST_F(EveryAllocation, MayFailInStreamsInMemory) {
    fails_in([](io_context&) -> task<> {
        stream_pair pair;
        std::array<char, 2000> bytes{};
        co_await write(pair.first, bytes);
        co_await read(pair.second, bytes);
    });
}

}  // namespace
}  // namespace coil::test
