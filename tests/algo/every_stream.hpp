// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <coil/algo/read.hpp>
#include <coil/algo/write.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/yield.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/this_coro.hpp>
#include <coil/net/tcp.hpp>
#include <coil/test/stream_pair.hpp>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

/// The conformance suite of streams: runs a story on connected pairs of every stream type.

namespace coil::test {

/// Both ends of a connection.
template <class Stream>
struct ends {
    Stream near;
    Stream far;
};

/// A kind of connection. `volume` is the size of large transfers, small enough to keep tests short.
struct tcp_variant {
    const char* name;
    std::size_t volume;
    std::size_t recv_max;
    ip::address address;
    int buffer_size = 0;
};
struct memory_variant {
    const char* name;
    std::size_t volume;
    std::size_t recv_max;
    std::size_t capacity;
};

template <class Stream>
struct transport;

template <>
struct transport<tcp::socket> {
    using context = real_context;

    static constexpr auto all = static_cast<std::size_t>(-1);
    static std::vector<tcp_variant> variants() {
        return {{"TCP over IPv4", 4 << 20, all, ip::address_v4::loopback()},
                {"TCP over IPv6", 4 << 20, all, ip::address_v6::loopback()},
                {"TCP in small buffers", 256 << 10, all, ip::address_v4::loopback(), 8192}};
    }

    static task<ends<tcp::socket>> connect(io_context& on, const tcp_variant& how) {
        const tcp::endpoint anywhere(how.address, 0);
        tcp::acceptor acceptor(on);
        tcp::socket near(on);
        acceptor.open(anywhere.protocol());
        near.open(anywhere.protocol());
        if (how.buffer_size > 0) {
            acceptor.set_option(socket_base::receive_buffer_size(how.buffer_size));
            acceptor.set_option(socket_base::send_buffer_size(how.buffer_size));
            near.set_option(socket_base::receive_buffer_size(how.buffer_size));
            near.set_option(socket_base::send_buffer_size(how.buffer_size));
        }
        acceptor.bind(anywhere);
        acceptor.listen();
        co_await near.connect(acceptor.local_endpoint());
        auto far = co_await acceptor.accept();
        co_return ends<tcp::socket>{std::move(near), std::move(far)};
    }

    static void reset(tcp::socket& end) {
        end.set_option(socket_base::linger(true, 0));
        end.close();
    }
};

template <>
struct transport<memory_stream> {
    using context = scripted_context;  // no system calls, and a story that hangs is detected immediately

    static constexpr auto all = static_cast<std::size_t>(-1);
    static std::vector<memory_variant> variants() {
        return {{"memory", 4 << 20, all, 65536},
                {"memory of 16 bytes", 64 << 10, all, 16},
                {"memory, byte by byte", 16 << 10, 1, 64}};
    }

    static task<ends<memory_stream>> connect(io_context&, const memory_variant& how) {
        stream_pair pair(stream_pair::options{how.capacity, how.recv_max});
        co_return ends<memory_stream>{std::move(pair.first), std::move(pair.second)};
    }

    static void reset(memory_stream& end) { end.reset(); }
};

/// A pseudorandom byte sequence. Each byte depends on its position, so received bytes can be checked.
class numbered_bytes {
public:
    explicit numbered_bytes(std::uint64_t seed) : seed_(seed) {}

    [[nodiscard]] char at(std::size_t position) const {
        std::uint64_t x = seed_ + 0x9e3779b97f4a7c15u * (position / 8 + 1);  // splitmix64, a word at a time
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
        return static_cast<char>((x ^ (x >> 31)) >> (8 * (position % 8)));
    }
    [[nodiscard]] std::string part(std::size_t from, std::size_t size) const {
        std::string bytes(size, '\0');
        for (std::size_t i = 0; i < size; ++i)
            bytes[i] = at(from + i);
        return bytes;
    }
    /// Compares `bytes` with the sequence from `from` on. A failure names the first wrong position.
    [[nodiscard]] testing::AssertionResult match_at(std::size_t from, std::span<const char> bytes) const {
        for (std::size_t i = 0; i < bytes.size(); ++i)
            if (bytes[i] != at(from + i))
                return testing::AssertionFailure() << "the byte at " << from + i << " is wrong";
        return testing::AssertionSuccess();
    }

private:
    std::uint64_t seed_;
};

/// Yields `times` times.
inline task<> yield_times(std::size_t times) {
    while (times-- > 0)
        co_await yield();
}

/// More bytes than any connection buffers while the peer does not read.
inline const std::string& endless() {
    static const std::string bytes(32 << 20, 'x');
    return bytes;
}

/// A typed test suite for every stream type. Each story runs on each variant of the type.
template <class Stream>
class every_stream : public testing::Test {
protected:
    using transport_type = transport<Stream>;
    using pair = ends<Stream>;

    /// Runs `story(both)` on a new connection of each variant.
    template <class F>
    void run(F story) {
        for (const auto& each: transport_type::variants()) {
            SCOPED_TRACE(each.name);
            volume_ = each.volume;
            recv_max_ = each.recv_max;
            typename transport_type::context context;
            context_ = &context.io();
            context.run([&]() -> task<> {
                pair both = co_await transport_type::connect(*context_, each);
                co_await story(both);
            });
            if (testing::Test::HasFailure())
                return;
        }
    }

    io_context& context() { return *context_; }
    [[nodiscard]] std::size_t volume() const { return volume_; }
    [[nodiscard]] std::size_t recv_max() const { return recv_max_; }

    /// Receives until the end of the stream. Throws on an error.
    static task<std::string> recv_to_the_end(Stream& from) {
        std::string all;
        std::array<char, 1000> buffer;
        while (const std::size_t n = co_await from.recv(buffer))
            all.append(buffer.data(), n);
        co_return all;
    }

private:
    io_context* context_ = nullptr;
    std::size_t volume_ = 0;
    std::size_t recv_max_ = 0;
};

using streams = testing::Types<tcp::socket, memory_stream>;

struct stream_names {
    template <class T>
    static std::string GetName(int) {
        return std::is_same_v<T, tcp::socket> ? "Tcp" : "Memory";
    }
};

}  // namespace coil::test
