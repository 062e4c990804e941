// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Conformance of every stream type: partial and whole transfers, with one buffer and with several.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "algo/every_stream.hpp"

namespace coil::test {
namespace {

template <class Stream>
class StreamTransfer : public every_stream<Stream> {
protected:
    static task<> send_all(Stream& to, const numbered_bytes& bytes, std::size_t size, std::size_t chunk) {
        for (std::size_t sent = 0; sent < size;) {
            const std::string part = bytes.part(sent, std::min(chunk, size - sent));
            sent += co_await write(to, part);
        }
    }
    static task<> recv_all(Stream& from, const numbered_bytes& bytes, std::size_t size, std::size_t chunk) {
        std::vector<char> buffer(chunk);
        for (std::size_t received = 0; received < size;) {
            const std::size_t n = co_await from.recv(mutable_buffer(buffer).first(size - received));
            CO_ASSERT_GT(n, 0u) << "the end after " << received;
            CO_ASSERT_TRUE(bytes.match_at(received, std::span(buffer).first(n)));
            received += n;
        }
    }
};

TYPED_TEST_SUITE(StreamTransfer, streams, stream_names);

// ---- partial and whole transfers --------------------------------------------------------------------------

TYPED_TEST(StreamTransfer, RecvReturnsAvailableBytes) {
    this->run([this](auto& both) -> task<> {
        EXPECT_EQ(co_await write(both.far, "hello"), 5u);
        std::array<char, 100> buffer;
        const std::size_t n = co_await both.near.recv(buffer);
        CO_ASSERT_GE(n, 1u);
        EXPECT_LE(n, std::min<std::size_t>(5, this->recv_max()));
        EXPECT_EQ(std::string_view(buffer.data(), n), std::string_view("hello").substr(0, n));
    });
}

TYPED_TEST(StreamTransfer, ReadLeavesExcessBytes) {
    this->run([](auto& both) -> task<> {
        co_await write(both.far, "hello");
        std::array<char, 3> buffer;
        EXPECT_EQ(co_await read(both.near, buffer), 3u);
        EXPECT_EQ(std::string_view(buffer.data(), 3), "hel");
        std::array<char, 2> rest;
        EXPECT_EQ(co_await read(both.near, rest), 2u);
        EXPECT_EQ(std::string_view(rest.data(), 2), "lo");
    });
}

TYPED_TEST(StreamTransfer, ReadFillsBufferFromPieces) {
    this->run([this](auto& both) -> task<> {
        const numbered_bytes bytes(1);
        constexpr std::size_t size = 10'000;
        auto writer = co_spawn(this->context(), [&]() -> task<> {
            for (std::size_t sent = 0, n = 1; sent < size; sent += n, n = n % 700 + 113) {
                n = std::min(n, size - sent);
                co_await write(both.far, bytes.part(sent, n));
                co_await yield();
            }
        });
        std::vector<char> buffer(size);
        EXPECT_EQ(co_await read(both.near, buffer), size);
        EXPECT_TRUE(bytes.match_at(0, buffer));
        co_await writer.join();
    });
}

TYPED_TEST(StreamTransfer, WriteSendsAllToSlowReader) {
    this->run([this](auto& both) -> task<> {
        const numbered_bytes bytes(2);
        constexpr std::size_t size = 100'000;
        auto writer = co_spawn(this->context(), [&]() -> task<> {
            EXPECT_EQ(co_await write(both.far, bytes.part(0, size)), size);
        });
        std::array<char, 777> buffer;
        for (std::size_t received = 0; received < size;) {
            const std::size_t n = co_await both.near.recv(mutable_buffer(buffer).first(size - received));
            CO_ASSERT_GT(n, 0u);
            CO_ASSERT_TRUE(bytes.match_at(received, std::span(buffer).first(n)));
            received += n;
            if (received % 5 == 0)
                co_await yield();
        }
        co_await writer.join();
    });
}

TYPED_TEST(StreamTransfer, TransfersBothWaysConcurrently) {
    this->run([this](auto& both) -> task<> {
        const numbered_bytes there(3);
        const numbered_bytes back(4);
        const std::size_t size = this->volume();
        auto a = co_spawn(this->context(), this->send_all(both.near, there, size, 100'003));
        auto b = co_spawn(this->context(), this->send_all(both.far, back, size, 65'536));
        auto c = co_spawn(this->context(), this->recv_all(both.far, there, size, 50'021));
        co_await this->recv_all(both.near, back, size, 16'384);
        co_await a.join();
        co_await b.join();
        co_await c.join();
    });
}

// ---- several buffers --------------------------------------------------------------------------------------

TYPED_TEST(StreamTransfer, SendsAndFillsBuffersInOrder) {
    this->run([](auto& both) -> task<> {
        const std::string empty;
        EXPECT_EQ(co_await write(both.far, "one", empty, std::string_view(", two"), std::string(", three")),
                  15u);
        std::array<char, 4> first;
        std::array<char, 0> second{};
        std::vector<std::byte> third(9);
        char fourth[2];
        EXPECT_EQ(co_await read(both.near, first, second, third, fourth), 15u);
        EXPECT_EQ(std::string_view(first.data(), 4), "one,");
        EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(third.data()), 9), " two, thr");
        EXPECT_EQ(std::string_view(fourth, 2), "ee");
    });
}

TYPED_TEST(StreamTransfer, SendAndRecvTakeSeveralBuffers) {
    this->run([](auto& both) -> task<> {
        const std::array<const_buffer, 3> pieces{"abc", "", "defg"};
        const std::size_t sent = co_await both.far.send(const_buffers(pieces));
        CO_ASSERT_GE(sent, 1u);
        std::array<char, 2> first;
        std::array<char, 5> second;
        const std::array<mutable_buffer, 2> into{first, second};
        const std::size_t received = co_await both.near.recv(mutable_buffers(into));
        CO_ASSERT_GE(received, 1u);
        CO_ASSERT_LE(received, sent);
        std::string all(first.data(), std::min<std::size_t>(2, received));
        if (received > 2)
            all.append(second.data(), received - 2);
        EXPECT_EQ(all, std::string("abcdefg").substr(0, received));
    });
}

TYPED_TEST(StreamTransfer, HandlesMoreThanIovMaxBuffers) {
    this->run([this](auto& both) -> task<> {
        const numbered_bytes bytes(5);
        constexpr std::size_t pieces = 3000;  // IOV_MAX is 1024
        std::vector<std::string> parts;
        std::size_t size = 0;
        for (std::size_t i = 0; i < pieces; ++i) {
            parts.push_back(bytes.part(size, i % 4));  // empty ones among them
            size += i % 4;
        }
        const std::vector<const_buffer> from(parts.begin(), parts.end());
        auto writer = co_spawn(this->context(), [&]() -> task<> {
            EXPECT_EQ(co_await write(both.far, const_buffers(from)), size);
        });
        std::string all(size, '\0');
        std::vector<mutable_buffer> into;
        for (std::size_t at = 0, n = 0; at < size; at += n, n = (n + 1) % 3)
            into.emplace_back(all.data() + at, std::min(n, size - at));
        for (std::size_t filled = total_size(mutable_buffers(into)); filled < size; ++filled)
            into.emplace_back(all.data() + filled, 1);
        CO_ASSERT_GT(into.size(), 2000u);
        EXPECT_EQ(co_await read(both.near, mutable_buffers(into)), size);
        EXPECT_TRUE(bytes.match_at(0, all));
        co_await writer.join();
    });
}

TYPED_TEST(StreamTransfer, EmptyTransferCompletesWithZero) {
    this->run([](auto& both) -> task<> {
        char nothing[1];
        const mutable_buffer none(nothing, 0);
        EXPECT_EQ(co_await both.near.recv(none), 0u);
        EXPECT_EQ(co_await both.near.send(""), 0u);
        EXPECT_EQ(co_await read(both.near, none), 0u);
        EXPECT_EQ(co_await write(both.near, ""), 0u);
        EXPECT_EQ(co_await both.near.recv(mutable_buffers()), 0u);
        EXPECT_EQ(co_await both.near.send(const_buffers()), 0u);
        EXPECT_EQ(co_await read(both.near, mutable_buffers()), 0u);
        EXPECT_EQ(co_await write(both.near, const_buffers()), 0u);
        EXPECT_EQ(co_await read(both.near, none, none), 0u);
        EXPECT_EQ(co_await write(both.near, "", ""), 0u);
        const std::array<mutable_buffer, 2> empty_ones{none, none};
        EXPECT_EQ(co_await both.near.recv(mutable_buffers(empty_ones)), 0u);
        // 0 does not mean end of stream here: a byte is available.
        co_await write(both.far, "x");
        EXPECT_EQ(co_await both.near.recv(none), 0u);
        EXPECT_EQ(co_await read(both.near, nothing), 1u);
    });
}

}  // namespace
}  // namespace coil::test
