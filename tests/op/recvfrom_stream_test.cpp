// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recvfrom_stream.hpp>

#include <coil/algo/timeout.hpp>
#include <coil/io/sleep.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <coil/loop/buffer_pool.hpp>

#include "support/scripted_context.hpp"

// Receiving datagrams ahead: the content of an entry, the order of the readers, and the ownership of unread
// datagrams.

namespace coil::test {
namespace {

const udp::endpoint first_peer(ip::address_v4({192, 0, 2, 7}), 5353);
const udp::endpoint other_peer(ip::address_v6::loopback(), 53);

class RecvfromStream : public testing::Test {
public:
    explicit RecvfromStream(const io_context::options& chosen = {.pool_size = 1 << 20, .ahead_max = 1000})
        : context_(chosen) {}

protected:
    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    ring::scripted_kernel& script() { return context_.script(); }
    [[nodiscard]] std::size_t receives() { return script().submitted(IORING_OP_RECVMSG); }
    buffer_pool& pool() { return context_.io().pools().datagrams(); }

    /// These datagrams arrive when the loop would block.
    void arrive(std::vector<reply> datagrams) {
        context_.then([this, datagrams = std::move(datagrams)] {
            for (const reply& each: datagrams)
                context_.answer(IORING_OP_RECVMSG, each);
        });
    }

    /// The text of the next datagram, or "." at the end.
    static task<std::string> text_of_next(recvfrom_stream& stream) {
        auto next = co_await stream.next();
        co_return next ? std::string(next->text()) : ".";
    }

    /// The text of the next train and the size of its datagrams, or "." at the end.
    static task<std::string> text_of_next_train(recvfrom_stream& stream) {
        auto next = co_await stream.next_train();
        co_return next ? std::string(next->text()) + "/" + std::to_string(next->segment_size) : ".";
    }

    [[nodiscard]] udp::socket train_socket() {
        auto socket = context_.datagram_socket();
        socket.set_option(udp::receive_offload(true));
        return socket;
    }

    scripted_context context_;
};

/// A pool of four entries, each for a large datagram.
class RecvfromStreamSmallPool : public RecvfromStream {
public:
    RecvfromStreamSmallPool()
        : RecvfromStream({.pool_size = 1 << 18, .ahead_max = 1 << 20, .datagram_max = 60'000}) {}
};

TEST_F(RecvfromStream, DeliversDatagramsAndSenders) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        arrive({reply("one").from(first_peer)});
        arrive({reply("two").from(other_peer)});
        auto one = co_await stream.next();
        auto two = co_await stream.next();
        EXPECT_EQ(one->text(), "one");
        EXPECT_EQ(one->from, first_peer);
        EXPECT_FALSE(one->truncated);
        EXPECT_EQ(two->text(), "two");
        EXPECT_EQ(two->from, other_peer);
        EXPECT_EQ(receives(), 1u);
        const auto& sqe = script().latest();
        EXPECT_EQ(sqe.opcode, IORING_OP_RECVMSG);
        EXPECT_TRUE(sqe.ioprio & IORING_RECV_MULTISHOT);
        EXPECT_TRUE(sqe.flags & IOSQE_BUFFER_SELECT);
        EXPECT_EQ(sqe.buf_group, 1);
    });
}

TEST_F(RecvfromStream, SubmitsNothingWithoutAReader) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        co_await yield();
        EXPECT_EQ(receives(), 0u);
    });
}

TEST_F(RecvfromStream, CompletesInlineWithDatagramsAhead) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        arrive({"a", "b", "c"});
        EXPECT_EQ(co_await text_of_next(stream), "a");
        const unsigned enters = script().enters();
        EXPECT_EQ(co_await text_of_next(stream), "b");
        EXPECT_EQ(co_await text_of_next(stream), "c");
        EXPECT_EQ(script().enters(), enters);
        EXPECT_EQ(pool().metrics().pinned, 0u);
    });
}

// An empty datagram ends the multishot in the kernel.
TEST_F(RecvfromStream, EmptyDatagramIsNotTheEnd) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        arrive({"one", reply("").from(first_peer)});
        arrive({"two"});
        EXPECT_EQ(co_await text_of_next(stream), "one");
        auto empty = co_await stream.next();
        CO_ASSERT_TRUE(empty.has_value());
        EXPECT_TRUE(empty->empty());
        EXPECT_EQ(empty->from, first_peer);
        EXPECT_EQ(pool().metrics().pinned, 0u);
        EXPECT_EQ(co_await text_of_next(stream), "two");
        EXPECT_EQ(receives(), 2u);
    });
}

TEST_F(RecvfromStream, ReportsTruncation) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        const std::string large(2049, 'x');
        arrive({large, large.substr(1), "small"});
        auto cut = co_await stream.next();
        EXPECT_TRUE(cut->truncated);
        EXPECT_TRUE(cut->text() == large.substr(1));
        auto whole = co_await stream.next();
        EXPECT_FALSE(whole->truncated);
        EXPECT_TRUE(whole->text() == large.substr(1));
        EXPECT_EQ(co_await text_of_next(stream), "small");
    });
}

TEST_F(RecvfromStream, ReportsAnInvalidEntryAndContinues) {
    const auto entry = [](std::uint32_t name, std::uint32_t control, std::uint32_t payload,
                          std::size_t size) {
        const io_uring_recvmsg_out head{name, control, payload, 0};
        std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
        bytes.resize(size, 'x');
        return reply(bytes).as_entry();
    };
    constexpr std::size_t header = sizeof(io_uring_recvmsg_out) + 32;
    const std::vector<reply> wrong{entry(16, 0, 3, 5),
                                   entry(16, 0, 3, header - 1),
                                   entry(33, 0, 3, header + 3),
                                   entry(0xffffffff, 0, 3, header + 3),
                                   entry(16, 1, 3, header + 3),
                                   entry(16, 0, 4, header + 3),
                                   entry(16, 0, 0xffffffff, header + 3)};
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        for (const reply& each: wrong) {
            arrive({each});
            auto [error, received] = co_await as_tuple(stream.next());
            EXPECT_EQ(error, std::errc::bad_message);
            EXPECT_EQ(pool().metrics().pinned, 0u);
        }
        arrive({"right"});
        EXPECT_EQ(co_await text_of_next(stream), "right");
    });
}

TEST_F(RecvfromStream, ReportsAnErrorOnceAfterDatagrams) {
    run([&]() -> task<> {
        auto socket = context_.connected_datagram_socket();
        auto stream = socket.recvfrom_stream();
        arrive({"one", "two", -ECONNREFUSED});
        EXPECT_EQ(co_await text_of_next(stream), "one");
        EXPECT_EQ(co_await text_of_next(stream), "two");
        try {
            co_await stream.next();
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::connection_refused);
            EXPECT_NE(std::string(failure.what()).find("recvfrom (peer "), std::string::npos)
                << failure.what();
        }
        arrive({"three"});
        EXPECT_EQ(co_await text_of_next(stream), "three");
        EXPECT_EQ(receives(), 2u);
    });
}

TEST_F(RecvfromStream, RearmsAMultishotEndedByAnOverflow) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        arrive({reply("one").last()});
        arrive({"two"});
        EXPECT_EQ(co_await text_of_next(stream), "one");
        EXPECT_EQ(co_await text_of_next(stream), "two");
        EXPECT_EQ(receives(), 2u);
    });
}

// ---- ahead ------------------------------------------------------------------------------------------------

TEST_F(RecvfromStream, StopsReceivingAtAheadMax) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        const std::string large(600, 'a');
        arrive({"x", large, large});
        EXPECT_EQ(co_await text_of_next(stream), "x");
        co_await yield();
        EXPECT_TRUE(script().in_flight(IORING_OP_RECVMSG).empty());
        EXPECT_EQ(context_.io().metrics().ahead_stops, 1u);
        EXPECT_EQ(co_await text_of_next(stream), large);
        EXPECT_EQ(co_await text_of_next(stream), large);
        EXPECT_EQ(receives(), 1u);
        arrive({"y"});
        EXPECT_EQ(co_await text_of_next(stream), "y");
        EXPECT_EQ(receives(), 2u);
    });
}

TEST_F(RecvfromStream, TinyDatagramsCountTowardsAheadMax) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        arrive(std::vector<reply>(20, "."));
        EXPECT_EQ(co_await text_of_next(stream), ".");
        co_await yield();
        EXPECT_TRUE(script().in_flight(IORING_OP_RECVMSG).empty());
        for (int i = 1; i < 20; ++i)
            EXPECT_EQ(co_await text_of_next(stream), ".");
    });
}

TEST_F(RecvfromStream, KeepsDatagramsDuringACancel) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        std::optional stream(socket.recvfrom_stream());
        arrive({"one"});
        EXPECT_EQ(co_await text_of_next(*stream), "one");
        script().when_cancelled("two");
        stream.reset();
        auto next = socket.recvfrom_stream();
        arrive({"three"});
        EXPECT_EQ(co_await text_of_next(next), "two");
        EXPECT_EQ(co_await text_of_next(next), "three");
    });
}

// ---- unread datagrams belong to the socket ----------------------------------------------------------------

TEST_F(RecvfromStream, PlainReceivesReadUnreadFirst) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        {
            auto stream = socket.recvfrom_stream();
            arrive({"zero", reply("one").from(first_peer), reply("two").from(other_peer), "three",
                    std::string(3000, 'x')});
            EXPECT_EQ(co_await text_of_next(stream), "zero");
        }
        std::array<char, 10> ten;
        std::array<char, 2> two;
        for (const message_flags flags: {message_flags::peek, message_flags::none}) {
            const auto [size, truncated, from] = co_await socket.recvfrom(ten, flags);
            EXPECT_EQ(std::string_view(ten.data(), size), "one");
            EXPECT_FALSE(truncated);
            EXPECT_EQ(from, first_peer);
        }
        const auto scattered = co_await socket.recvfrom(two, ten);
        EXPECT_EQ(std::string(two.data(), 2) + ten[0], "two");
        EXPECT_EQ(scattered.size, 3u);
        EXPECT_EQ(scattered.from, other_peer);
        const auto cut = co_await socket.recv(two);
        EXPECT_EQ(std::string_view(two.data(), 2), "th");
        EXPECT_TRUE(cut.size == 2 && cut.truncated);
        std::vector<char> room(5000);
        const auto cut_before = co_await socket.recvfrom(room);
        EXPECT_TRUE(cut_before.size == 2048 && cut_before.truncated);
        EXPECT_EQ(receives(), 1u);
        context_.answer_next("later");
        EXPECT_EQ((co_await socket.recv(ten)).size, 5u);
        EXPECT_FALSE(script().latest().flags & IOSQE_BUFFER_SELECT);
    });
}

TEST_F(RecvfromStream, ServesAllReadersInFifoOrder) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        std::string order;
        const auto by_stream = [&]() -> task<> { order += "s:" + co_await text_of_next(stream) + " "; };
        const auto by_buffer = [&]() -> task<> {
            std::array<char, 10> buffer;
            const auto received = co_await socket.recvfrom(buffer);
            order += "b:" + std::string(buffer.data(), received.size) + " ";
        };
        std::vector<join_handle<void>> readers;
        readers.push_back(co_spawn(context_.io(), by_stream));
        readers.push_back(co_spawn(context_.io(), by_buffer));
        readers.push_back(co_spawn(context_.io(), by_stream));
        readers.push_back(co_spawn(context_.io(), by_buffer));
        arrive({"1", "2", "3", "4", "5"});
        for (auto& each: readers)
            co_await each.join();
        EXPECT_EQ(order, "s:1 b:2 s:3 b:4 ");
        EXPECT_EQ(receives(), 1u);
        EXPECT_EQ(co_await text_of_next(stream), "5");
    });
}

TEST_F(RecvfromStream, WaitsBehindPendingReceives) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        std::array<char, 10> buffer;
        const auto by_buffer = [&]() -> task<std::size_t> {
            co_return (co_await socket.recvfrom(buffer)).size;
        };
        auto first = co_spawn(context_.io(), by_buffer);
        auto second = co_spawn(context_.io(), by_buffer);
        co_await yield();
        auto stream = socket.recvfrom_stream();
        arrive({"1"});
        arrive({"22"});
        arrive({"333"});
        EXPECT_EQ(co_await text_of_next(stream), "333");
        EXPECT_EQ(co_await first.join(), 1u);
        EXPECT_EQ(co_await second.join(), 2u);
        EXPECT_EQ(receives(), 3u);
        EXPECT_TRUE(script().latest().flags & IOSQE_BUFFER_SELECT);
    });
}

TEST_F(RecvfromStream, RecvSubmitsAfterTheStreamEnds) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        std::optional stream(socket.recvfrom_stream());
        arrive({"one"});
        EXPECT_EQ(co_await text_of_next(*stream), "one");
        stream.reset();  // the cancel is queued
        std::array<char, 10> buffer;
        arrive({"two"});
        EXPECT_EQ((co_await socket.recvfrom(buffer)).size, 3u);
        EXPECT_EQ(receives(), 2u);
        EXPECT_FALSE(script().latest().flags & IOSQE_BUFFER_SELECT);
    });
}

// The kernel reports an error only once: the next owner of the descriptor would not get it.
TEST_F(RecvfromStream, ReleaseFailsWithAnUnreportedError) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        arrive({"one"});
        EXPECT_EQ(co_await text_of_next(stream), "one");
        context_.then([&] { context_.answer(IORING_OP_RECVMSG, -ECONNREFUSED); });
        co_await sleep_for(std::chrono::microseconds(1));
        EXPECT_THROW(static_cast<void>(socket.release()), std::system_error);
        EXPECT_EQ((co_await as_tuple(stream.next())).error(), error::connection_refused);
        script().close(socket.release());
    });
}

TEST_F(RecvfromStream, ReleaseFailsWithUnreadDatagrams) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        {
            auto stream = socket.recvfrom_stream();
            arrive({"one", ""});
            EXPECT_EQ(co_await text_of_next(stream), "one");
        }
        try {
            static_cast<void>(socket.release());
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::unread_bytes);
        }
        std::array<char, 10> buffer;
        EXPECT_EQ((co_await socket.recv(buffer)).size, 0u);
        const int number = socket.release();
        EXPECT_TRUE(script().in_flight().empty());
        script().close(number);
    });
}

// ---- cancel, close, destroy -------------------------------------------------------------------------------

TEST_F(RecvfromStream, CancelKeepsTheMultishot) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        auto waiting = co_spawn(context_.io(), [&]() -> task<> { co_await stream.next(); });
        co_await yield();
        waiting.request_stop();
        auto [ec] = co_await as_tuple(waiting.join());
        EXPECT_EQ(ec, error::operation_aborted);
        EXPECT_EQ(script().in_flight(IORING_OP_RECVMSG).size(), 1u);
        arrive({"later"});
        EXPECT_EQ(co_await text_of_next(stream), "later");
        EXPECT_EQ(receives(), 1u);
    });
}

TEST_F(RecvfromStream, DestroyedReadersKeepTheOrder) {
    auto socket = context_.datagram_socket();
    auto stream = socket.recvfrom_stream();
    {
        auto& env = context_.io().foreign_environment();
        std::optional<op::next_datagram<udp::endpoint>> one(std::in_place, stream.next(), env);
        std::optional<op::next_datagram<udp::endpoint>> two(std::in_place, stream.next(), env);
        one->await_suspend(std::noop_coroutine());
        two->await_suspend(std::noop_coroutine());
        context_.poll();
        for (const char* text: {"one", "two", "three"})
            context_.answer(IORING_OP_RECVMSG, text);
        context_.io().restart();
        context_.io().poll_one();
        one.reset();
        two.reset();
    }
    run([&]() -> task<> {
        for (const char* text: {"one", "two", "three"})
            EXPECT_EQ(co_await text_of_next(stream), text);
    });
}

TEST_F(RecvfromStream, SocketCancelEndsTheMultishot) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        const auto wait = [&]() -> task<std::error_code> {
            auto received = co_await as_tuple(stream.next());
            co_return received.error();
        };
        auto one = co_spawn(context_.io(), wait);
        auto two = co_spawn(context_.io(), wait);
        co_await yield();
        socket.cancel();
        EXPECT_EQ(co_await one.join(), error::operation_aborted);
        EXPECT_EQ(co_await two.join(), error::operation_aborted);
        arrive({"one"});
        EXPECT_EQ(co_await text_of_next(stream), "one");
        EXPECT_EQ(receives(), 2u);
    });
}

TEST_F(RecvfromStream, CloseReturnsEntriesToThePool) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        arrive({"one", "two"});
        EXPECT_EQ(co_await text_of_next(stream), "one");
        script().when_cancelled("three");
        socket.close();
        EXPECT_EQ(pool().metrics().pinned, 0u);
        auto received = co_await as_tuple(stream.next());
        EXPECT_EQ(received.error(), error::bad_descriptor);
    });
}

TEST_F(RecvfromStream, ContextReleasesUnreadDatagrams) {
    auto socket = context_.datagram_socket();
    auto stream = socket.recvfrom_stream();
    auto waiting = context_.spawn([&]() -> task<> {
        for (;;)
            static_cast<void>(co_await stream.next());
    });
    context_.poll();
    for (const char* text: {"one", "two"})
        context_.answer(IORING_OP_RECVMSG, text);
    context_.io().restart();
    context_.io().poll_one();
    context_.destroy();  // the scripted kernel checks that every buffer was returned
}

// After the shutdown the kernel would continue the multishot, or report a datagram without a sender.
TEST_F(RecvfromStream, AbortsOnShutdownThenEnds) {
    constexpr std::size_t header = sizeof(io_uring_recvmsg_out) + 32;
    const reply nothing = reply(std::string(header, '\0')).as_entry().last();
    for (const bool kernel_reports_it: {false, true}) {
        run([&]() -> task<> {
            auto socket = context_.connected_datagram_socket();
            auto stream = socket.recvfrom_stream();
            context_.then([&] {
                if (kernel_reports_it)
                    script().when_cancelled(nothing);
                socket.shutdown(socket_base::shutdown_receive);
            });
            auto received = co_await as_tuple(stream.next());
            EXPECT_EQ(received.error(), error::operation_aborted);
            EXPECT_EQ(co_await text_of_next(stream), ".");
            EXPECT_EQ(co_await text_of_next(stream), ".");
            context_.answer_next(0);
            std::array<char, 10> buffer;
            EXPECT_EQ((co_await socket.recv(buffer)).size, 0u);
        });
    }
}

TEST_F(RecvfromStream, MovesWithItsSocket) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        udp::socket moved;
        context_.then([&] {
            moved = std::move(socket);
            context_.answer(IORING_OP_RECVMSG, "one");
        });
        EXPECT_EQ(co_await text_of_next(stream), "one");
        recvfrom_stream other = std::move(stream);
        arrive({"two"});
        EXPECT_EQ(co_await text_of_next(other), "two");
        EXPECT_EQ(receives(), 1u);
    });
}

// ---- trains -----------------------------------------------------------------------------------------------

TEST_F(RecvfromStream, DatagramsOfATrainShareItsEntry) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        socket.set_option(udp::receive_offload(true));
        auto stream = socket.recvfrom_stream();
        arrive({reply("aaaabbbbcc").from(first_peer).train_of(4), reply("whole").from(other_peer)});
        std::vector<datagram> kept;
        for (int i = 0; i < 4; ++i) {
            auto next = co_await stream.next();
            CO_ASSERT_TRUE(next.has_value());
            kept.push_back(*std::move(next));
        }
        auto& trains = context_.io().pools().datagrams(true);
        EXPECT_EQ(trains.metrics().pinned, 2u);
        EXPECT_EQ(kept[0].text(), "aaaa");
        EXPECT_EQ(kept[1].text(), "bbbb");
        EXPECT_EQ(kept[2].text(), "cc");
        EXPECT_EQ(kept[2].from, first_peer);
        EXPECT_EQ(kept[3].text(), "whole");
        EXPECT_EQ(kept[3].from, other_peer);
        EXPECT_EQ(kept[1].data(), kept[0].data() + 4);
        kept.pop_back();
        EXPECT_EQ(trains.metrics().pinned, 1u);
        kept[0].reset();
        kept[2].detach();
        EXPECT_EQ(trains.metrics().pinned, 1u);
        EXPECT_EQ(kept[1].text(), "bbbb");
        kept[1].reset();
        EXPECT_EQ(trains.metrics().pinned, 0u);
        EXPECT_EQ(kept[2].text(), "cc");
        EXPECT_EQ(script().latest().buf_group, 2);
    });
}

TEST_F(RecvfromStream, RearmsForTrainsWhenTheOptionIsSet) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        arrive({"one", "two"});
        EXPECT_EQ(co_await text_of_next(stream), "one");
        socket.set_option(udp::receive_offload(true));
        auto later = socket.recvfrom_stream();
        EXPECT_EQ(co_await text_of_next(stream), "two");
        arrive({reply("aaab").train_of(3)});
        EXPECT_EQ(co_await text_of_next(stream), "aaa");
        EXPECT_EQ(co_await text_of_next(later), "b");
        EXPECT_EQ(script().latest().buf_group, 2);
        std::array<char, 10> buffer;
        arrive({reply("ccdd").train_of(2)});
        EXPECT_EQ((co_await socket.recv(buffer)).size, 2u);
        EXPECT_EQ((co_await socket.recv(buffer)).size, 2u);
        EXPECT_EQ(receives(), 2u);
    });
}

TEST_F(RecvfromStream, LargeSegmentSizeLeavesATrainWhole) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        socket.set_option(udp::receive_offload(true));
        auto stream = socket.recvfrom_stream();
        arrive({reply("abcdef").train_of(100), reply("ghi").train_of(3)});
        EXPECT_EQ(co_await text_of_next(stream), "abcdef");
        EXPECT_EQ(co_await text_of_next(stream), "ghi");
    });
}

TEST_F(RecvfromStream, NextTrainReturnsTheWholeEntry) {
    run([&]() -> task<> {
        auto socket = train_socket();
        auto stream = socket.recvfrom_stream();
        arrive({reply("aaaabbbbcc").from(first_peer).train_of(4)});
        auto train = co_await stream.next_train();
        CO_ASSERT_TRUE(train.has_value());
        EXPECT_EQ(train->text(), "aaaabbbbcc");
        EXPECT_EQ(train->segment_size, 4u);
        EXPECT_EQ(train->from, first_peer);
        EXPECT_FALSE(train->truncated);
        EXPECT_EQ(train->segments().bytes().data(), train->data());
        EXPECT_EQ(train->segments().bytes().size(), 10u);
        EXPECT_EQ(train->segments().size(), 4u);
        auto& trains = context_.io().pools().datagrams(true);
        EXPECT_EQ(trains.metrics().pinned, 1u);
        train.reset();
        EXPECT_EQ(trains.metrics().pinned, 0u);
        EXPECT_EQ(trains.metrics().copied, 0u);
    });
}

TEST_F(RecvfromStream, TrainHasOneEntryAndOneSender) {
    run([&]() -> task<> {
        auto socket = train_socket();
        auto stream = socket.recvfrom_stream();
        arrive({reply("aabb").from(first_peer).train_of(2), reply("ccdd").from(other_peer).train_of(2),
                reply("eeff").from(other_peer).train_of(2), reply("single").from(first_peer)});
        for (const auto& [text, from]: {std::pair("aabb", first_peer), std::pair("ccdd", other_peer),
                                        std::pair("eeff", other_peer), std::pair("single", first_peer)}) {
            auto train = co_await stream.next_train();
            CO_ASSERT_TRUE(train.has_value());
            EXPECT_EQ(train->text(), text);
            EXPECT_EQ(train->from, from);
        }
        EXPECT_EQ(receives(), 1u);
    });
}

TEST_F(RecvfromStream, SingleDatagramIsATrainOfOne) {
    for (const bool offload: {false, true}) {
        run([&]() -> task<> {
            auto socket = context_.datagram_socket();
            socket.set_option(udp::receive_offload(offload));
            auto stream = socket.recvfrom_stream();
            arrive({"one", "three", ""});
            EXPECT_EQ(co_await text_of_next_train(stream), "one/3");
            EXPECT_EQ(co_await text_of_next_train(stream), "three/5");
            auto empty = co_await stream.next_train();
            CO_ASSERT_TRUE(empty.has_value());
            EXPECT_TRUE(empty->empty());
            EXPECT_EQ(empty->segment_size, 0u);
            EXPECT_EQ(empty->segments().size(), 1u);  // can be sent back
            EXPECT_EQ(empty->segments().bytes().size(), 0u);
        });
    }
}

TEST_F(RecvfromStream, TrainReportsTruncation) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        arrive({std::string(3000, 'x'), "whole"});
        auto cut = co_await stream.next_train();
        EXPECT_TRUE(cut->truncated);
        EXPECT_EQ(cut->size(), 2048u);
        EXPECT_EQ(cut->segment_size, 2048u);
        EXPECT_FALSE((co_await stream.next_train())->truncated);
    });
}

// A send takes at most 64 datagrams. A longer train from the kernel is returned in two parts.
TEST_F(RecvfromStream, TrainHasAtMost64Datagrams) {
    run([&]() -> task<> {
        auto socket = train_socket();
        auto stream = socket.recvfrom_stream();
        arrive({reply(std::string(201, 'x')).train_of(2)});
        EXPECT_EQ(co_await text_of_next_train(stream), std::string(128, 'x') + "/2");
        EXPECT_EQ(co_await text_of_next_train(stream), std::string(73, 'x') + "/2");
    });
}

// A send takes at most 65507 bytes. A train may bring a little more; what exceeds the entry is truncated.
TEST_F(RecvfromStream, TrainHasAtMostTheBytesOfASend) {
    run([&]() -> task<> {
        auto socket = train_socket();
        auto stream = socket.recvfrom_stream();
        arrive({reply(std::string(66'000, 'x')).train_of(2000)});
        auto train = co_await stream.next_train();
        EXPECT_EQ(train->size(), 64'000u);
        EXPECT_FALSE(train->truncated);
        auto rest = co_await stream.next_train();
        EXPECT_LT(rest->size(), 2000u);
        EXPECT_EQ(rest->segment_size, rest->size());
        EXPECT_TRUE(rest->truncated);
    });
}

TEST_F(RecvfromStream, ReadTrainsNoLongerCountAsAhead) {
    run([&]() -> task<> {
        auto socket = train_socket();
        auto stream = socket.recvfrom_stream();
        for (int i = 0; i < 20; ++i) {
            arrive({reply("aaaabbbbcc").train_of(4)});
            EXPECT_EQ(co_await text_of_next_train(stream), "aaaabbbbcc/4");
        }
        EXPECT_EQ(context_.io().metrics().ahead_stops, 0u);
        EXPECT_EQ(receives(), 1u);
    });
}

TEST_F(RecvfromStream, NextTrainReturnsTheRestOfATrain) {
    run([&]() -> task<> {
        auto socket = train_socket();
        auto stream = socket.recvfrom_stream();
        arrive({reply("aabbccd").train_of(2), reply("eefff").train_of(2)});
        auto kept = co_await stream.next();
        EXPECT_EQ(kept->text(), "aa");
        std::array<char, 10> buffer;
        EXPECT_EQ((co_await socket.recvfrom(buffer)).size, 2u);
        EXPECT_EQ(co_await text_of_next_train(stream), "ccd/2");
        EXPECT_EQ(co_await text_of_next(stream), "ee");
        EXPECT_EQ(co_await text_of_next(stream), "ff");
        EXPECT_EQ(co_await text_of_next_train(stream), "f/1");
        EXPECT_EQ(kept->text(), "aa");
    });
}

TEST_F(RecvfromStream, ServesTrainReadersInFifoOrder) {
    run([&]() -> task<> {
        auto socket = train_socket();
        auto stream = socket.recvfrom_stream();
        std::string order;
        const auto by_one = [&]() -> task<> { order += co_await text_of_next(stream) + " "; };
        const auto by_train = [&]() -> task<> { order += co_await text_of_next_train(stream) + " "; };
        const auto by_buffer = [&]() -> task<> {
            std::array<char, 10> buffer;
            const auto received = co_await socket.recvfrom(buffer);
            order += std::string(buffer.data(), received.size) + " ";
        };
        std::vector<join_handle<void>> readers;
        readers.push_back(co_spawn(context_.io(), by_one));
        readers.push_back(co_spawn(context_.io(), by_train));
        readers.push_back(co_spawn(context_.io(), by_buffer));
        readers.push_back(co_spawn(context_.io(), by_train));
        arrive({reply("aabbccdd").train_of(2), reply("eeffg").train_of(2), "h"});
        for (auto& each: readers)
            co_await each.join();
        EXPECT_EQ(order, "aa bbccdd/2 ee ffg/2 ");
        EXPECT_EQ(co_await text_of_next(stream), "h");
        EXPECT_EQ(receives(), 1u);
    });
}

TEST_F(RecvfromStream, DestroyedReaderReturnsItsTrain) {
    auto socket = train_socket();
    auto stream = socket.recvfrom_stream();
    {
        auto& env = context_.io().foreign_environment();
        std::optional<op::next_train<udp::endpoint>> one(std::in_place, stream.next_train(), env);
        std::optional<op::next_datagram<udp::endpoint>> two(std::in_place, stream.next(), env);
        std::optional<op::next_train<udp::endpoint>> three(std::in_place, stream.next_train(), env);
        std::optional<op::next_datagram<udp::endpoint>> fourth;
        one->await_suspend(std::noop_coroutine());
        two->await_suspend(std::noop_coroutine());
        three->await_suspend(std::noop_coroutine());
        context_.poll();
        for (const reply& each: {reply("aabbc").from(first_peer).train_of(2),
                                 reply("ddeefff").from(other_peer).train_of(2), reply("")})
            context_.answer(IORING_OP_RECVMSG, each);
        context_.io().restart();
        context_.io().poll_one();
        three.reset();
        one.reset();
        two.reset();
        one.emplace(stream.next_train(), env);
        EXPECT_TRUE(one->await_ready());
        one.reset();
        for (auto* each: {&two, &fourth})
            each->emplace(stream.next(), env);
        EXPECT_TRUE(two->await_ready() && fourth->await_ready());
        fourth.reset();  // the later one first
        two.reset();
    }
    run([&]() -> task<> {
        std::array<char, 10> buffer;
        for (const char* text: {"aa", "bb"}) {
            const auto received = co_await socket.recvfrom(buffer);
            EXPECT_EQ(std::string_view(buffer.data(), received.size), text);
            EXPECT_EQ(received.from, first_peer);
        }
        EXPECT_EQ(co_await text_of_next_train(stream), "c/1");
        EXPECT_EQ(co_await text_of_next(stream), "dd");
        EXPECT_EQ(co_await text_of_next_train(stream), "eefff/2");
        EXPECT_EQ(co_await text_of_next_train(stream), "/0");
        EXPECT_EQ(context_.io().pools().datagrams(true).metrics().pinned, 0u);
    });
}

TEST_F(RecvfromStream, CancelledNextTrainLosesNothing) {
    run([&]() -> task<> {
        auto socket = train_socket();
        auto stream = socket.recvfrom_stream();
        auto waiting = co_spawn(context_.io(), [&]() -> task<> { co_await stream.next_train(); });
        co_await yield();
        waiting.request_stop();
        auto [ec] = co_await as_tuple(waiting.join());
        EXPECT_EQ(ec, error::operation_aborted);
        arrive({reply("aab").train_of(2)});
        EXPECT_EQ(co_await text_of_next_train(stream), "aab/2");
        EXPECT_EQ(receives(), 1u);
        context_.then([&] { socket.close(); });
        auto closed = co_await as_tuple(stream.next_train());
        EXPECT_EQ(closed.error(), error::operation_aborted);
    });
}

// ---- the pool ---------------------------------------------------------------------------------------------

TEST_F(RecvfromStreamSmallPool, KeptDatagramsAreCopied) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        std::vector<datagram> kept;
        for (std::size_t i = 0; i < 12; ++i) {
            arrive({std::to_string(i) + std::string(50'000, 'x')});
            kept.push_back(*co_await stream.next());
        }
        for (std::size_t i = 0; i < 12; ++i)
            EXPECT_TRUE(kept[i].text() == std::to_string(i) + std::string(50'000, 'x')) << i;
        EXPECT_EQ(pool().size() / pool().entry_size(), 4u);
        EXPECT_EQ(pool().metrics().copied, 9u);  // one entry is in reserve
        EXPECT_EQ(pool().metrics().starved, 1u);
        kept.clear();
        EXPECT_EQ(pool().metrics().pinned, 0u);
    });
}

TEST_F(RecvfromStreamSmallPool, CopiedTrainIsSplit) {
    run([&]() -> task<> {
        auto socket = train_socket();
        auto stream = socket.recvfrom_stream();
        auto& trains = context_.io().pools().datagrams(true);
        std::vector<datagram_train> kept;
        std::vector<std::string> sent;
        for (char i = 0; i < 8; ++i) {
            for (const char add: {'a', 'A'})
                sent.emplace_back(20'000, static_cast<char>(add + i));
            arrive({reply(sent[sent.size() - 2] + sent.back()).train_of(20'000)});
            for (std::size_t size = 0; size < 40'000; size += kept.back().size())
                kept.push_back(*co_await stream.next_train());
        }
        EXPECT_GT(trains.metrics().copied, 0u);
        EXPECT_LT(kept.size(), sent.size());  // some trains came whole
        std::string all_sent, all_kept;
        for (const auto& each: sent)
            all_sent += each;
        for (const auto& each: kept) {
            EXPECT_EQ(each.segment_size, 20'000u);
            all_kept += each.text();
        }
        EXPECT_TRUE(all_sent == all_kept);
        kept.clear();
        EXPECT_EQ(trains.metrics().pinned, 0u);
    });
}

// More datagrams arrive in one iteration than the pool holds: the kernel finds no buffer, and the rest waits
// in the socket.
TEST_F(RecvfromStreamSmallPool, LosesNothingWhenExhausted) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        arrive({"1", "2", "3", "4"});
        for (const char* text: {"1", "2", "3", "4"})
            EXPECT_EQ(co_await text_of_next(stream), text);
        EXPECT_EQ(pool().metrics().starved, 1u);
        EXPECT_EQ(receives(), 2u);
        EXPECT_EQ(context_.io().metrics().starved, 1u);
    });
}

// In the buffer of a plain receive the datagrams of a train would be merged.
TEST_F(RecvfromStream, TrainIsSplitForPlainReceives) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        socket.set_option(udp::receive_offload(true));
        arrive({reply("aaaabbbbccccddddee").from(first_peer).train_of(4)});
        std::array<char, 10> buffer{};
        std::array<char, 2> small{};
        const auto one = co_await socket.recvfrom(buffer);
        EXPECT_EQ(one.size, 4u);
        EXPECT_EQ(one.from, first_peer);
        EXPECT_EQ((co_await socket.recvfrom(small, buffer)).size, 4u);
        const auto cut = co_await socket.recvfrom(small);
        EXPECT_EQ(cut.size, 2u);
        EXPECT_TRUE(cut.truncated);
        EXPECT_EQ((co_await socket.recvfrom(buffer, message_flags::peek)).size, 4u);
        EXPECT_EQ((co_await socket.recvfrom(buffer)).size, 4u);
        EXPECT_EQ((co_await socket.recvfrom(buffer)).size, 2u);
        EXPECT_EQ(receives(), 1u);
    });
}

TEST_F(RecvfromStream, TrainIsSplitAfterTheStreamEnds) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        socket.set_option(udp::receive_offload(true));
        std::array<char, 10> buffer{};
        {
            auto stream = socket.recvfrom_stream();
            arrive({reply("xy").from(first_peer)});
            EXPECT_EQ(co_await text_of_next(stream), "xy");
        }
        arrive({reply("aaabbb").from(first_peer).train_of(3)});
        EXPECT_EQ((co_await socket.recvfrom(buffer)).size, 3u);
        EXPECT_EQ((co_await socket.recvfrom(buffer)).size, 3u);
    });
}

TEST_F(RecvfromStream, PlainRecvUsesNoPoolWithoutOffload) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        socket.set_option(udp::receive_offload(true));
        socket.set_option(udp::receive_offload(false));
        std::array<char, 10> buffer{};
        context_.answer_next("hello");
        EXPECT_EQ((co_await socket.recvfrom(buffer)).size, 5u);
        EXPECT_EQ(script().latest().flags & IOSQE_BUFFER_SELECT, 0u);
    });
}

// ---- readers that do not wait -----------------------------------------------------------------------------

TEST_F(RecvfromStream, DeliversTrainsToDontWaitReaders) {
    run([&]() -> task<> {
        auto socket = train_socket();
        std::array<char, 10> buffer{};
        const auto poll = [&]() -> task<std::size_t> {
            auto [ec, got] = co_await as_tuple(socket.recvfrom(buffer, message_flags::dont_wait));
            EXPECT_TRUE(!ec || ec == std::errc::resource_unavailable_try_again) << ec.message();
            co_return ec ? 0 : got.size;
        };
        for (int i = 0; i < 3; ++i)
            EXPECT_EQ(co_await poll(), 0u);
        EXPECT_EQ(receives(), 1u);
        context_.answer(IORING_OP_RECVMSG, reply("aaab").from(first_peer).train_of(3));
        EXPECT_EQ(co_await poll(), 3u);
        EXPECT_EQ(co_await poll(), 1u);
        EXPECT_EQ(co_await poll(), 0u);
        // A datagram that is there when the receive is submitted is returned by the same call.
        context_.answer(IORING_OP_RECVMSG, reply("").last());
        EXPECT_EQ(co_await poll(), 0u);
        co_await yield();
        context_.answer_next(reply("cc").from(first_peer));
        EXPECT_EQ(co_await poll(), 2u);
    });
}

TEST_F(RecvfromStreamSmallPool, DeliversToADontWaitReader) {
    run([&]() -> task<> {
        auto socket = train_socket();
        std::vector<datagram> kept;
        {
            auto stream = socket.recvfrom_stream();
            for (int i = 0; i < 3; ++i) {
                arrive({std::string(60'000, 'x')});
                kept.push_back(*co_await stream.next());
            }
        }
        EXPECT_FALSE(context_.io().pools().datagrams(true).has_room());
        std::array<char, 10> buffer{};
        std::size_t size = 0;
        for (int i = 0; i < 10 && size == 0; ++i) {
            auto [ec, got] = co_await as_tuple(socket.recvfrom(buffer, message_flags::dont_wait));
            EXPECT_TRUE(!ec || ec == std::errc::resource_unavailable_try_again) << ec.message();
            size = ec ? 0 : got.size;
            for (const auto& each: script().in_flight(IORING_OP_RECVMSG))
                script().answer(each, "late");
            co_await sleep_for(std::chrono::milliseconds(1));
        }
        EXPECT_EQ(size, 4u);
    });
}

// A wait that got ENOBUFS is cancelled before the pool serves it.
TEST_F(RecvfromStreamSmallPool, DontWaitWorksAfterEnobufs) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        std::vector<datagram> kept;
        for (int i = 0; i < 3; ++i) {
            arrive({reply(std::string(50'000, 'x')).last()});
            kept.push_back(*co_await stream.next());
        }
        const auto starved = co_await as_tuple(timeout(stream.next(), std::chrono::microseconds(1)));
        EXPECT_EQ(starved.error(), error::timed_out);
        std::array<char, 10> buffer{};
        script().answer_next("hello");
        EXPECT_EQ((co_await socket.recvfrom(buffer, message_flags::dont_wait)).size, 5u);
        script().answer_next(-EAGAIN);
        auto [ec, got] = co_await as_tuple(socket.recvfrom(buffer, message_flags::dont_wait));
        EXPECT_EQ(ec, std::errc::resource_unavailable_try_again);
    });
}

TEST_F(RecvfromStreamSmallPool, UsesTheNewPoolAfterEnobufs) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        auto stream = socket.recvfrom_stream();
        std::vector<datagram> kept;
        for (int i = 0; i < 3; ++i) {
            arrive({reply(std::string(50'000, 'x')).last()});
            kept.push_back(*co_await stream.next());
        }
        auto waiting = co_spawn(context_.io(), text_of_next(stream));
        co_await yield();
        EXPECT_TRUE(script().in_flight(IORING_OP_RECVMSG).empty());
        const time_point begin = context_.io().now();
        socket.set_option(udp::receive_offload(true));
        arrive({"hello"});
        EXPECT_EQ(co_await waiting.join(), "hello");
        EXPECT_EQ(script().latest().buf_group, 2);
        EXPECT_EQ(context_.io().now(), begin);
    });
}

TEST_F(RecvfromStream, SetOffloadFailsOnAnotherThread) {
    run([&]() -> task<> {
        auto socket = context_.datagram_socket();
        std::error_code refusal;
        std::thread([&] {
            try {
                socket.set_option(udp::receive_offload(true));
            } catch (const std::system_error& failure) {
                refusal = failure.code();
            }
        }).join();
        EXPECT_EQ(refusal, error::wrong_thread);
        EXPECT_FALSE(script().descriptor(socket.native_handle()).options.contains({IPPROTO_UDP, UDP_GRO}));
        co_return;
    });
}

/// A pool of 64 entries with four in reserve, and little memory beside it.
class HeldDatagrams : public RecvfromStream {
public:
    HeldDatagrams() : RecvfromStream({.pool_size = 4 << 20, .held_max = 64 << 10, .datagram_max = 60'000}) {}

protected:
    /// Opens `count` sockets, each with an armed stream.
    task<> connect(std::size_t count) {
        sockets_.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            sockets_.push_back(context_.datagram_socket());
            streams_.push_back(sockets_.back().recvfrom_stream());
            arrive_at_all("first");
            EXPECT_EQ(co_await text_of_next(streams_.back()), "first");
        }
    }
    /// Keeps `count` datagrams of one socket. 50 leave less than a quarter of the entries free, 60 none.
    task<> hoard(std::size_t count) {
        hoarder_.emplace(context_.datagram_socket());
        auto stream = hoarder_->recvfrom_stream();
        while (hoarded_.size() < count) {
            arrive({std::string(50'000, 'x')});
            hoarded_.push_back(*co_await stream.next());
        }
    }
    /// Arrives on each socket with a receive in flight, when the loop would block.
    void arrive_at_all(std::string text, int times = 1) {
        context_.then([this, text = std::move(text), times] {
            for (int i = 0; i < times; ++i)
                for (const auto& each: script().in_flight(IORING_OP_RECVMSG))
                    script().answer(each, text);
        });
    }
    /// More arrives on every socket than its slow reader takes.
    task<> flood() {
        for (int round = 0; round < 30; ++round) {
            arrive_at_all(std::string(4000, 'x'), 3);
            co_await sleep_for(std::chrono::milliseconds(2));
            held_max_ = std::max(held_max_, context_.io().metrics().held);
            for (auto& each: streams_)
                static_cast<void>(co_await as_tuple(timeout(each.next(), std::chrono::microseconds(10))));
        }
    }
    unsigned long long held_max_ = 0;  // during the flood
    std::optional<udp::socket> hoarder_;
    std::vector<datagram> hoarded_;
    std::vector<udp::socket> sockets_;
    std::vector<recvfrom_stream> streams_;
};

TEST_F(HeldDatagrams, AreBoundedIfThePoolIsLow) {
    run([&]() -> task<> {
        co_await hoard(50);
        co_await connect(20);
        co_await flood();
        EXPECT_GE(held_max_, 50u << 10);
        EXPECT_LE(held_max_, (64u << 10) + 20 * 4100);
    });
}

TEST_F(HeldDatagrams, AreBoundedIfThePoolIsExhausted) {
    run([&]() -> task<> {
        co_await hoard(60);
        co_await connect(20);
        co_await flood();
        EXPECT_GT(held_max_, 0u);
        EXPECT_LE(held_max_, 20 * 2 * 4100u);
    });
}

TEST_F(HeldDatagrams, LeaveStreamsTheirBudget) {
    run([&]() -> task<> {
        co_await hoard(50);
        co_await connect(20);
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        context_.then([this] { context_.answer(IORING_OP_RECV, "first"); });
        EXPECT_EQ((co_await stream.next())->text(), "first");
        co_await flood();
        EXPECT_GE(held_max_, 50u << 10);
        for (int i = 0; i < 3; ++i) {
            CO_ASSERT_FALSE(script().in_flight(IORING_OP_RECV).empty());
            context_.then([this] { context_.answer(IORING_OP_RECV, "unread"); });
            co_await sleep_for(std::chrono::microseconds(1));
        }
        EXPECT_FALSE(script().in_flight(IORING_OP_RECV).empty());
    });
}

TEST(RecvfromStreamFailing, LeavesTheSocketUsable) {
    const std::vector<std::function<void(udp::socket&)>> set_ups{
        [](udp::socket& socket) { socket.set_option(udp::receive_offload(true)); },
        [](udp::socket& socket) {
            static_cast<void>(socket.recvfrom_stream());
            socket.set_option(udp::receive_offload(true));
        },
        [](udp::socket& socket) { static_cast<void>(socket.recvfrom_stream()); }};
    for (const auto& set_up: set_ups) {
        std::size_t failed = 0;
        fail_at_every_step(ENOMEM, [&](scripted_context& context) {
            auto socket = context.datagram_socket();
            try {
                set_up(socket);
            } catch (const std::system_error&) {
                ++failed;
                const auto& options = context.script().descriptor(socket.native_handle()).options;
                const auto option = options.find({IPPROTO_UDP, UDP_GRO});
                EXPECT_TRUE(option == options.end() || option->second == std::string(4, '\0'));
            }
            context.run([&]() -> task<> {
                std::array<char, 10> buffer{};
                context.answer_next(reply("hello").from(first_peer));
                auto [ec, got] = co_await as_tuple(socket.recvfrom(buffer));
                EXPECT_TRUE(ec || got.size == 5);
            });
        });
        EXPECT_GT(failed, 0u);
    }
}

TEST(RecvfromStreamFailing, FailsCleanlyAtEveryStep) {
    const std::size_t steps = fail_at_every_step(ENOMEM, [](scripted_context& context) {
        context.script().answer_every(IORING_OP_RECVMSG, reply("hello").last());
        auto socket = context.datagram_socket();
        socket.set_option(udp::receive_offload(true));
        auto stream = socket.recvfrom_stream();
        context.run([&]() -> task<> {
            for (int i = 0; i < 3; ++i)
                static_cast<void>(co_await as_tuple(stream.next()));
            static_cast<void>(co_await as_tuple(stream.next_train()));
        });
    });
    EXPECT_GT(steps, 5u);
}

}  // namespace
}  // namespace coil::test
