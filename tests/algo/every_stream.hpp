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

#ifdef COIL_TEST_TLS
#include <coil/sync/when_all.hpp>
#include <coil/tls.hpp>

#include "tls/authority.hpp"
#endif

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
    std::size_t transfer_max;
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
    static task<std::error_code> close(tcp::socket& end) { co_return end.close().error(); }
    static task<std::error_code> end_sending(tcp::socket& end) {
        co_return end.shutdown(socket_base::shutdown_send).error();
    }
    static std::error_code end_of_a_lost_stream() { return {}; }
};

template <>
struct transport<memory_stream> {
    using context = scripted_context;  // no system calls, and a story that hangs is detected immediately

    static constexpr auto all = static_cast<std::size_t>(-1);
    static std::vector<memory_variant> variants() {
        return {{"memory", 4 << 20, all, 65536, all},
                {"memory of 16 bytes", 64 << 10, all, 16, all},
                {"memory, byte by byte", 16 << 10, 1, 64, 1}};
    }

    static task<ends<memory_stream>> connect(io_context&, const memory_variant& how) {
        stream_pair pair(stream_pair::options{how.capacity, how.transfer_max});
        co_return ends<memory_stream>{std::move(pair.first), std::move(pair.second)};
    }

    static void reset(memory_stream& end) { end.reset(); }
    static task<std::error_code> close(memory_stream& end) { co_return end.close().error(); }
    static task<std::error_code> end_sending(memory_stream& end) {
        co_return end.shutdown(socket_base::shutdown_send).error();
    }
    static std::error_code end_of_a_lost_stream() { return {}; }
};

#ifdef COIL_TEST_TLS
template <>
struct transport<tls::stream<memory_stream>> {
    using stream = tls::stream<memory_stream>;
    using context = scripted_context;

    static constexpr auto all = static_cast<std::size_t>(-1);
    static std::vector<memory_variant> variants() {
        return {{"TLS", 1 << 20, all, 65536, all},
                {"TLS in 2 KiB", 256 << 10, all, 2048, all},
                {"TLS, 16 bytes at a time", 128 << 10, all, 2048, 16}};
    }

    static task<ends<stream>> connect(io_context&, const memory_variant& how) {
        const tls_contexts& contexts = usual_contexts();
        stream_pair pair(stream_pair::options{how.capacity, how.transfer_max});
        ends<stream> both;
        co_await when_all(
            assign(both.near, tls::connect(std::move(pair.first), contexts.client, "example.org")),
            assign(both.far, tls::accept(std::move(pair.second), contexts.server)));
        co_return both;
    }

    static void reset(stream& end) { end.next_layer().reset(); }
    static task<std::error_code> close(stream& end) { co_return (co_await as_tuple(end.close())).error(); }
    static task<std::error_code> end_sending(stream& end) {
        co_return (co_await as_tuple(end.shutdown())).error();
    }
    static std::error_code end_of_a_lost_stream() { return tls::error::truncated; }

private:
    static task<> assign(stream& to, task<stream> from) { to = co_await std::move(from); }
};
#endif

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
    static task<std::error_code> close(Stream& end) { return transport_type::close(end); }
    /// Ends the sending direction, so that the peer reads the end of the stream.
    static task<std::error_code> end_sending(Stream& end) { return transport_type::end_sending(end); }
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

using socket_streams = testing::Types<tcp::socket, memory_stream>;
#ifdef COIL_TEST_TLS
using streams = testing::Types<tcp::socket, memory_stream, tls::stream<memory_stream>>;
#else
using streams = socket_streams;
#endif

struct stream_names {
    template <class T>
    static std::string GetName(int) {
        if (std::is_same_v<T, tcp::socket>)
            return "Tcp";
        return std::is_same_v<T, memory_stream> ? "Memory" : "Tls";
    }
};

}  // namespace coil::test
