// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Datagrams and trains of datagrams that are received ahead, on the real kernel.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <coil/loop/buffer_pool.hpp>
#include <coil/net/udp.hpp>

#include "net/connected.hpp"

namespace coil::test {
namespace {

/// Bytes that depend on their position.
std::vector<std::byte> positional_bytes(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::byte>((i * 2654435761u) >> 13);
    return bytes;
}

bool equal(const chunk& received, std::span<const std::byte> sent) {
    return received.size() == sent.size() &&
           (sent.empty() || std::memcmp(received.data(), sent.data(), sent.size()) == 0);
}

class RecvfromStreams : public on_both_families {
protected:
    [[nodiscard]] udp::socket bound() { return {context(), udp::endpoint(loopback(), 0)}; }
    [[nodiscard]] buffer_pool& pool(bool trains = false) { return context().pools().datagrams(trains); }
};

TEST_P(RecvfromStreams, DeliverDatagramsWholeAndInOrder) {
    run([&]() -> task<> {
        constexpr std::size_t count = 10'000;
        constexpr std::size_t burst = 50;  // fits into the socket buffer
        std::mt19937 random(7);
        const auto all = positional_bytes(8192);
        auto from = bound();
        auto to = bound();
        const auto here = from.local_endpoint();
        const auto there = to.local_endpoint();
        auto incoming = to.recvfrom_stream();
        std::array<std::span<const std::byte>, burst> sent;
        std::size_t wrong = 0;
        for (std::size_t done = 0; done < count; done += burst) {
            for (auto& each: sent) {
                each = std::span(all).subspan(random() % 6000, random() % 2049);
                co_await from.sendto(each, there);
            }
            for (const auto& each: sent) {
                auto received = co_await incoming.next();
                CO_ASSERT_TRUE(received.has_value());
                wrong += !equal(*received, each) || received->truncated || received->from != here;
            }
        }
        EXPECT_EQ(wrong, 0u);
        EXPECT_EQ(pool().metrics().pinned, 0u);
    });
}

// The bytes are the same with and without receive_offload; with it, they arrive in far fewer receives.
TEST_P(RecvfromStreams, SplitTrainsIntoDatagrams) {
    run([&]() -> task<> {
        const auto all = positional_bytes(65'000);
        for (const bool offload: {false, true}) {
            auto from = bound();
            auto to = bound();
            to.set_option(udp::receive_offload(offload));
            auto incoming = to.recvfrom_stream();
            const auto here = from.local_endpoint();
            co_await from.connect(to.local_endpoint());
            const auto before = context().metrics().completions;
            for (const std::size_t size: {1200u, 1u, 7u, 1024u, 1400u}) {
                for (const std::size_t rest: {std::size_t{0}, size / 2}) {
                    const auto train = std::span(all).first(40 * size + rest);
                    EXPECT_EQ(co_await from.send(segments(train, size)), train.size());
                    for (std::size_t at = 0; at < train.size(); at += size) {
                        auto received = co_await incoming.next();
                        CO_ASSERT_TRUE(received.has_value());
                        EXPECT_TRUE(equal(*received, train.subspan(at, std::min(size, train.size() - at))))
                            << size << " at " << at;
                        EXPECT_FALSE(received->truncated);
                        EXPECT_EQ(received->from, here);
                    }
                }
            }
            if (offload)
                EXPECT_LT(context().metrics().completions - before, 100u);
            else
                EXPECT_GE(context().metrics().completions - before, 400u);
            EXPECT_EQ(pool(offload).metrics().pinned, 0u);
        }
    });
}

// Each train goes to the server and back, with a single send in each direction if the server receives trains.
TEST_P(RecvfromStreams, TrainsCanBeSentBackUnchanged) {
    run([&]() -> task<> {
        const auto all = positional_bytes(65'000);
        for (const bool offload: {false, true}) {
            auto client = bound();
            auto server = bound();
            client.set_option(udp::receive_offload(offload));
            server.set_option(udp::receive_offload(offload));
            auto there = server.recvfrom_stream();
            auto back = client.recvfrom_stream();
            co_await client.connect(server.local_endpoint());
            for (const std::size_t size: {1200u, 1u, 1024u}) {
                for (const std::size_t rest: {std::size_t{0}, size / 2}) {
                    const auto sent = std::span(all).first(30 * size + rest);
                    co_await client.send(segments(sent, size));
                    std::size_t trains = 0;
                    for (std::size_t done = 0; done < sent.size(); ++trains) {
                        auto train = co_await there.next_train();
                        CO_ASSERT_TRUE(train.has_value());
                        EXPECT_EQ(train->segment_size, std::min(size, sent.size() - done));
                        done += co_await server.sendto(train->segments(), train->from);
                    }
                    EXPECT_EQ(trains, offload ? 1u : (sent.size() + size - 1) / size);
                    for (std::size_t at = 0; at < sent.size(); at += size) {
                        auto received = co_await back.next();
                        CO_ASSERT_TRUE(received.has_value());
                        EXPECT_TRUE(equal(*received, sent.subspan(at, std::min(size, sent.size() - at))))
                            << size << " at " << at;
                    }
                }
            }
            co_await client.send("");
            auto empty = co_await there.next_train();
            EXPECT_EQ(co_await server.sendto(empty->segments(), empty->from), 0u);
            EXPECT_TRUE((co_await back.next())->empty());
            EXPECT_EQ(pool(offload).metrics().pinned, 0u);
        }
    });
}

TEST_P(RecvfromStreams, SendtoSplitsATrain) {
    run([&]() -> task<> {
        const auto all = positional_bytes(64 * 1000);
        auto from = bound();
        auto to = bound();
        const auto there = to.local_endpoint();
        std::array<std::byte, 2000> buffer;
        EXPECT_EQ(co_await from.sendto(segments(all, 1000), there), all.size());
        for (std::size_t at = 0; at < all.size(); at += 1000) {
            const auto received = co_await to.recvfrom(buffer);
            EXPECT_EQ(received.size, 1000u);
            EXPECT_EQ(std::memcmp(buffer.data(), all.data() + at, 1000), 0);
        }
    });
}

TEST_P(RecvfromStreams, SplitTrainsForPlainReceives) {
    run([&]() -> task<> {
        auto from = bound();
        auto to = bound();
        to.set_option(udp::receive_offload(true));
        std::array<char, 100> buffer{};
        for (int round = 0; round < 2; ++round) {
            co_await from.sendto(segments("aaabbbccc", 3), to.local_endpoint());
            for (int i = 0; i < 3; ++i)
                EXPECT_EQ((co_await to.recvfrom(buffer)).size, 3u);
            if (round == 0)
                static_cast<void>(to.recvfrom_stream());  // starts and ends a stream
        }
    });
}

TEST_P(RecvfromStreams, SplitTrainsForDontWaitReceives) {
    run([&]() -> task<> {
        auto from = bound();
        auto to = bound();
        to.set_option(udp::receive_offload(true));
        std::array<char, 100> buffer{};
        const auto poll = [&]() -> task<std::size_t> {
            auto [ec, got] = co_await as_tuple(to.recvfrom(buffer, message_flags::dont_wait));
            EXPECT_TRUE(!ec || ec == error::would_block) << ec.message();
            co_return ec ? 0 : got.size;
        };
        EXPECT_EQ(co_await poll(), 0u);
        for (int round = 0; round < 3; ++round) {
            co_await from.sendto(segments("aaabbbccc", 3), to.local_endpoint());
            for (int i = 0; i < 3; ++i)
                EXPECT_EQ(co_await poll(), 3u);
            EXPECT_EQ(co_await poll(), 0u);
        }
    });
}

TEST_P(RecvfromStreams, CopyHeldDatagramsOfTrains) {
    run([&]() -> task<> {
        const auto all = positional_bytes(40'000);
        auto from = bound();
        auto to = bound();
        const auto there = to.local_endpoint();
        to.set_option(udp::receive_offload(true));
        auto incoming = to.recvfrom_stream();
        std::vector<datagram> kept;
        for (int round = 0; round < 200; ++round) {  // the pool has 64 entries
            co_await from.sendto(segments(all, 1000), there);
            for (int i = 0; i < 40; ++i) {
                auto received = co_await incoming.next();
                CO_ASSERT_TRUE(received.has_value());
                if (i == round % 40)
                    kept.push_back(*std::move(received));
            }
        }
        for (std::size_t round = 0; round < kept.size(); ++round)
            EXPECT_TRUE(equal(kept[round], std::span(all).subspan(round % 40 * 1000, 1000))) << round;
        EXPECT_GT(pool(true).metrics().copied, 0u);
        kept.clear();
        EXPECT_EQ(pool(true).metrics().pinned, 0u);
    });
}

TEST_P(RecvfromStreams, MarkTruncatedDatagrams) {
    run([&]() -> task<> {
        const auto all = positional_bytes(20'000);
        auto from = bound();
        auto to = bound();
        const auto there = to.local_endpoint();
        auto incoming = to.recvfrom_stream();
        for (const std::size_t size: {std::size_t{2048}, std::size_t{2049}, all.size(), std::size_t{5}}) {
            co_await from.sendto(std::span(all).first(size), there);
            auto received = co_await incoming.next();
            CO_ASSERT_TRUE(received.has_value());
            EXPECT_EQ(received->truncated, size > 2048);
            EXPECT_TRUE(equal(*received, std::span(all).first(std::min<std::size_t>(size, 2048))));
        }
    });
}

TEST_P(RecvfromStreams, ReportARefusingPeerAndRecover) {
    run([&]() -> task<> {
        auto socket = bound();
        auto peer = bound();
        const auto there = peer.local_endpoint();
        co_await socket.connect(there);
        auto incoming = socket.recvfrom_stream();
        for (int round = 0; round < 3; ++round) {
            peer.close();
            co_await socket.send("hello?");
            auto [ec, received] = co_await as_tuple(incoming.next());
            EXPECT_EQ(ec, error::connection_refused);
            peer = udp::socket(context(), there);
            co_await peer.sendto("here", socket.local_endpoint());
            EXPECT_EQ((co_await incoming.next())->text(), "here");
        }
    });
}

// Each stream is dropped after a few datagrams, and a plain recvfrom continues there, repeatedly.
TEST_P(RecvfromStreams, LeaveUnreadDatagramsToRecvfrom) {
    run([&]() -> task<> {
        std::mt19937 random(7);
        auto from = bound();
        auto to = bound();
        const auto there = to.local_endpoint();
        std::uint32_t sent = 0, received = 0;
        std::array<std::uint32_t, 2> one;
        while (received < 2000) {
            for (auto count = random() % 10; count > 0; --count, ++sent)
                co_await from.sendto(std::as_bytes(std::span(&sent, 1)), there);
            {
                auto incoming = to.recvfrom_stream();
                for (auto count = random() % 5; count > 0 && received < sent; --count, ++received) {
                    auto next = co_await incoming.next();
                    CO_ASSERT_TRUE(equal(*next, std::as_bytes(std::span(&received, 1))));
                }
            }
            for (auto count = random() % 5; count > 0 && received < sent; --count, ++received) {
                const auto next = co_await to.recvfrom(std::as_writable_bytes(std::span(one)));
                CO_ASSERT_EQ(next.size, sizeof received);
                CO_ASSERT_EQ(one[0], received);
            }
        }
    });
}

TEST_P(RecvfromStreams, AbortOnShutdownThenEnd) {
    run([&]() -> task<> {
        auto socket = bound();
        auto peer = bound();
        co_await socket.connect(peer.local_endpoint());
        auto incoming = socket.recvfrom_stream();
        auto waiting = co_spawn(context(), [&]() -> task<std::error_code> {
            auto received = co_await as_tuple(incoming.next());
            co_return received.error();
        });
        co_await let_others_run();
        socket.shutdown(socket_base::shutdown_receive);
        EXPECT_EQ(co_await waiting.join(), error::operation_aborted);
        EXPECT_FALSE((co_await incoming.next()).has_value());
        std::array<std::byte, 10> buffer;
        EXPECT_EQ((co_await socket.recv(buffer)).size, 0u);
    });
}

TEST_P(RecvfromStreams, EndOnCloseAndContinueAfterCancel) {
    run([&]() -> task<> {
        auto from = bound();
        for (const bool closes: {false, true, false, true}) {
            auto to = bound();
            const auto there = to.local_endpoint();
            auto incoming = to.recvfrom_stream();
            auto waiting = co_spawn(context(), [&]() -> task<std::error_code> {
                for (;;) {
                    auto received = co_await as_tuple(incoming.next());
                    if (received.error())
                        co_return received.error();
                }
            });
            for (int i = 0; i < 10; ++i)
                co_await from.sendto("something", there);
            co_await let_others_run();
            if (closes)
                to.close();
            else
                to.cancel();
            EXPECT_EQ(co_await waiting.join(), error::operation_aborted);
            if (!closes) {
                co_await from.sendto("more", there);
                EXPECT_TRUE((co_await incoming.next()).has_value());
            }
        }
        EXPECT_EQ(pool().metrics().pinned, 0u);
    });
}

COIL_ON_BOTH_FAMILIES(RecvfromStreams);

// The pool has four entries: datagrams that the program keeps are copied out, and a larger burst waits in the
// socket.
TEST(RecvfromStreamsSmallPool, HeldDatagramsAreCopied) {
    real_context context({.pool_size = 1 << 18, .datagram_max = 60'000});
    context.run([&]() -> task<> {
        udp::socket from(context.io(), {ip::address_v4::loopback(), 0});
        udp::socket to(context.io(), {ip::address_v4::loopback(), 0});
        const auto there = to.local_endpoint();
        auto incoming = to.recvfrom_stream();
        std::vector<datagram> kept;
        for (std::uint32_t i = 0; i < 1000;) {
            for (std::uint32_t end = i + 20; i < end; ++i)
                co_await from.sendto(std::as_bytes(std::span(&i, 1)), there);
            for (int count = 0; count < 20; ++count)
                kept.push_back(*co_await incoming.next());
        }
        for (std::uint32_t i = 0; i < 1000; ++i)
            EXPECT_TRUE(equal(kept[i], std::as_bytes(std::span(&i, 1)))) << i;
        EXPECT_GT(context.io().metrics().starved, 0u);
        EXPECT_GT(context.io().metrics().copied, 0u);
        EXPECT_LT(context.io().metrics().submissions, 10'000u);  // no stream spins
    });
}

TEST(RecvfromStreamsEnd, MayComeWithTheContext) {
    io_context context;
    udp::socket from(context, {ip::address_v4::loopback(), 0});
    udp::socket to(context, {ip::address_v4::loopback(), 0});
    auto incoming = to.recvfrom_stream();
    const auto there = to.local_endpoint();
    std::optional<datagram> kept;
    co_spawn(
        context,
        [&]() -> task<> {
            for (;;)
                co_await from.sendto("something", there);
        },
        detached);
    co_spawn(
        context,
        [&]() -> task<> {
            for (int i = 0; i < 3; ++i)
                kept = co_await incoming.next();
            context.stop();
        },
        detached);
    context.run();
    EXPECT_EQ(kept->text(), "something");
    kept->detach();
}

// Each thread that runs the context has a ring of its own. The pools and the datagrams received so far move
// to the new one.
TEST(RecvfromStreamsMove, ContinueOnAnotherThread) {
    io_context context;
    udp::socket from(context, {ip::address_v4::loopback(), 0});
    udp::socket to(context, {ip::address_v4::loopback(), 0});
    const auto there = to.local_endpoint();
    std::optional stream(to.recvfrom_stream());
    std::string received;
    const auto exchange = [&](std::string text) -> task<> {
        for (const char each: text)
            co_await from.sendto(std::span(&each, 1), there);
        for (int i = 0; i < 2; ++i)
            received += (co_await stream->next())->text();
    };
    for (const char* text: {"abc", "def", "ghi"}) {
        std::thread([&] {
            context.restart();
            co_spawn(context, exchange, std::string(text), detached);
            context.run();
        }).join();
    }
    EXPECT_EQ(received, "abcdef");
    stream.reset();
}

}  // namespace
}  // namespace coil::test
