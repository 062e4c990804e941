// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include <coil/algo/timeout.hpp>
#include <coil/loop/buffer_pool.hpp>
#include <coil/net/local.hpp>
#include <coil/op/recv_stream.hpp>
#include <coil/op/recvfrom_stream.hpp>

#include "net/connected.hpp"

// A receive that is served from the bytes received ahead makes no system call, so the kernel does not see the
// flags of recv(2). Every flag must mean the same as in recv(2), also when a stream receives ahead.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

enum class kind { tcp_stream, udp_datagram, local_packet };
enum class ahead { no, unread, idle };

constexpr std::size_t room = 4;  // of a receive buffer

/// The result of a receive, and what the next receive returns.
struct seen {
    int error = 0;
    std::size_t size = 0;
    std::string bytes;
    std::string rest;

    bool operator==(const seen&) const = default;
};

std::ostream& operator<<(std::ostream& out, const seen& what) {
    return out << "error " << what.error << ", size " << what.size << ", bytes '" << what.bytes << "', then '"
               << what.rest << "'";
}

/// Two connected descriptors.
std::pair<int, int> make_ends(kind of) {
    if (of == kind::tcp_stream) {
        plain_listener listener;
        const int near = listener.connect();
        return {near, ::accept4(listener.number(), nullptr, nullptr, SOCK_CLOEXEC)};
    }
    std::array<int, 2> ends{};
    if (of == kind::local_packet) {
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
        return {ends[0], ends[1]};
    }
    std::array<sockaddr_in, 2> names{};
    for (std::size_t i = 0; i < 2; ++i) {
        names[i].sin_family = AF_INET;
        names[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof names[i];
        ends[i] = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(::bind(ends[i], reinterpret_cast<sockaddr*>(&names[i]), size), 0);
        EXPECT_EQ(::getsockname(ends[i], reinterpret_cast<sockaddr*>(&names[i]), &size), 0);
    }
    for (std::size_t i = 0; i < 2; ++i)
        EXPECT_EQ(::connect(ends[i], reinterpret_cast<sockaddr*>(&names[1 - i]), sizeof names[0]), 0);
    return {ends[0], ends[1]};
}

void send_some(kind of, int number) {
    const auto send = [&](std::string_view bytes) {
        EXPECT_EQ(::send(number, bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    };
    if (of == kind::tcp_stream) {
        send("abcdefg");
    } else {
        send("abcdef");
        send("gh");
    }
}

/// Receives with recv(2).
seen recv_plainly(kind of, int flags, bool has_bytes) {
    const auto [near, far] = make_ends(of);
    const plain_peer near_end(near), far_end(far);
    if (has_bytes)
        send_some(of, far);
    seen result;
    std::array<char, 16> buffer{};
    const ssize_t n = ::recv(near, buffer.data(), room, flags);
    result.error = n < 0 ? errno : 0;
    result.size = std::min(n < 0 ? 0 : static_cast<std::size_t>(n), room);
    result.bytes.assign(buffer.data(), result.size);
    const ssize_t rest = ::recv(near, buffer.data(), buffer.size(), MSG_DONTWAIT);
    result.rest.assign(buffer.data(), rest < 0 ? 0 : static_cast<std::size_t>(rest));
    return result;
}

std::size_t size_of(std::size_t n) { return n; }
std::size_t size_of(const op::received& one) { return one.size; }

template <class Socket>
task<> receive(Socket& near, int flags, seen& result) {
    std::array<char, 16> buffer{};
    const auto first =
        co_await as_tuple(timeout(near.recv(mutable_buffer(buffer.data(), room), message_flags(flags)), 5s));
    result.error = first.error().value();
    result.size = size_of(*first);
    result.bytes.assign(buffer.data(), result.size);
    const auto rest = co_await as_tuple(near.recv(buffer, message_flags::dont_wait));
    result.rest.assign(buffer.data(), size_of(*rest));
}

/// Receives with coil: with a stream that has received the bytes ahead, with a stream that waits for more, or
/// without a stream.
task<> receive_with_coil(io_context& on, kind of, int flags, bool has_bytes, ahead how, seen& result) {
    const auto [near, far] = make_ends(of);
    const plain_peer far_end(far);
    if (of == kind::local_packet) {
        local::seq_packet_protocol::socket socket(on);
        socket.assign(local::seq_packet_protocol(), near);
        if (has_bytes)
            send_some(of, far);
        co_await receive(socket, flags, result);
    } else if (of == kind::udp_datagram) {
        udp::socket socket(on);
        socket.assign(udp::v4(), near);
        auto incoming = socket.recvfrom_stream();
        if (how != ahead::no) {
            far_end.send("first");
            static_cast<void>(co_await incoming.next());
        }
        if (has_bytes)
            send_some(of, far);
        if (how == ahead::unread)
            co_await let_others_run(20);
        co_await receive(socket, flags, result);
    } else {
        tcp::socket socket(on);
        socket.assign(tcp::v4(), near);
        auto incoming = socket.recv_stream();
        if (how != ahead::no) {
            far_end.send("first");
            static_cast<void>(co_await incoming.next());
        }
        if (has_bytes)
            send_some(of, far);
        if (how == ahead::unread)
            co_await let_others_run(20);
        co_await receive(socket, flags, result);
    }
}

class receive_flags : public testing::TestWithParam<std::tuple<kind, ahead>> {
protected:
    [[nodiscard]] static kind of() { return std::get<0>(GetParam()); }
    [[nodiscard]] static ahead how() { return std::get<1>(GetParam()); }

    void compare(int flags, bool has_bytes) {
        const seen expected = recv_plainly(of(), flags, has_bytes);
        seen found;
        context_.run(
            [&]() -> task<> { co_await receive_with_coil(context_, of(), flags, has_bytes, how(), found); });
        if (of() == kind::tcp_stream && (flags & MSG_TRUNC))
            found.bytes = expected.bytes;  // the bytes are discarded; the buffer's content is unspecified
        EXPECT_EQ(found, expected) << "flags " << std::hex << flags;
    }

private:
    real_context context_;
};

using Flags = receive_flags;

TEST_P(Flags, MatchRecvWithBytesAvailable) {
    for (int bit = 0; bit < 31; ++bit)
        compare(1 << bit, true);
}

TEST_P(Flags, MatchRecvInPairs) {
    constexpr std::array interesting{MSG_PEEK, MSG_WAITALL, MSG_TRUNC, MSG_DONTWAIT, MSG_OOB, MSG_ERRQUEUE};
    for (const int one: interesting)
        for (const int other: interesting)
            if (of() != kind::tcp_stream || (one | other) != (MSG_PEEK | MSG_WAITALL))
                compare(one | other, true);
}

// UDP has no out-of-band data, and UNIX domain sockets have no error queue: recv(2) ignores these flags there
// and waits.
TEST_P(Flags, DoNotWaitIfRecvDoesNot) {
    constexpr std::array all{MSG_PEEK, MSG_WAITALL, MSG_TRUNC, MSG_DONTWAIT, MSG_OOB, MSG_ERRQUEUE};
    const int returning = MSG_DONTWAIT | (of() == kind::udp_datagram ? 0 : MSG_OOB) |
                          (of() == kind::local_packet ? 0 : MSG_ERRQUEUE);
    for (const int one: all)
        for (const int other: all)
            if ((one | other) & returning)
                compare(one | other, false);
}

std::string name_of(const testing::TestParamInfo<std::tuple<kind, ahead>>& which) {
    const std::array kinds{"Stream", "Datagram", "Packet"};
    const std::array hows{"Plain", "WithBytesAhead", "WithAStream"};
    return std::string(kinds[static_cast<std::size_t>(std::get<0>(which.param))]) +
           hows[static_cast<std::size_t>(std::get<1>(which.param))];
}

INSTANTIATE_TEST_SUITE_P(Streams, Flags,
                         testing::Combine(testing::Values(kind::tcp_stream, kind::udp_datagram),
                                          testing::Values(ahead::no, ahead::unread, ahead::idle)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Packets, Flags,
                         testing::Combine(testing::Values(kind::local_packet), testing::Values(ahead::no)),
                         name_of);

// io_uring would return the peeked bytes several times.
TEST(WaitAll, FailsWithPeek) {
    real_context context;
    context.run([&]() -> task<> {
        auto ends = co_await connect_ends(context);
        std::array<char, 4> buffer;
        auto [ec, n] =
            co_await as_tuple(ends.near.recv(buffer, message_flags::peek | message_flags::wait_all));
        EXPECT_EQ(ec, std::errc::operation_not_supported);
    });
}

TEST(WaitAll, ContinuesAfterBytesReceivedAhead) {
    for (const bool keeps_stream: {false, true}) {
        real_context context;
        context.run([&]() -> task<> {
            auto ends = co_await connect_ends(context);
            std::optional<recv_stream> incoming(ends.near.recv_stream());
            co_await ends.far.send("x");
            EXPECT_TRUE(co_await incoming->next());
            co_await ends.far.send("ab");
            co_await let_others_run(20);
            if (!keeps_stream)
                incoming.reset();
            std::array<char, 6> buffer{};
            auto reader = co_spawn(context.io(), [&]() -> task<> {
                EXPECT_EQ(co_await ends.near.recv(buffer, message_flags::wait_all), 6u);
            });
            for (const char* bytes: {"c", "de", "fg"}) {
                co_await let_others_run(20);
                co_await ends.far.send(std::string_view(bytes));
            }
            co_await reader.join();
            EXPECT_EQ(std::string_view(buffer.data(), 6), "abcdef");
            EXPECT_EQ(co_await ends.near.recv(buffer), 1u);
        });
    }
}

TEST(WaitAll, TransfersScatteredBuffersWhole) {
    real_context context;
    context.run([&]() -> task<> {
        auto ends = co_await connect_ends(context);
        ends.far.set_option(tcp::socket::send_buffer_size(4096));
        std::string sent(1 << 20, '\0');
        for (std::size_t i = 0; i < sent.size(); ++i)
            sent[i] = static_cast<char>(i * 2654435761u >> 11);
        const std::size_t cut = sent.size() / 3;
        const std::array out{const_buffer(sent.data(), cut), const_buffer(),
                             const_buffer(sent.data() + cut, sent.size() - cut)};
        auto writer = co_spawn(context.io(), [&]() -> task<> {
            EXPECT_EQ(co_await ends.far.send(const_buffers(out), message_flags::wait_all), sent.size());
        });
        std::string received(sent.size(), '\0');
        const std::array in{mutable_buffer(received.data(), 7), mutable_buffer(),
                            mutable_buffer(received.data() + 7, 100'000),
                            mutable_buffer(received.data() + 100'007, received.size() - 100'007)};
        EXPECT_EQ(co_await ends.near.recv(mutable_buffers(in), message_flags::wait_all), sent.size());
        EXPECT_TRUE(received == sent);
        co_await writer.join();
    });
}

// io_uring reports the byte count alone, and hides the reset.
TEST(WaitAll, ReportsAResetWithTheByteCount) {
    real_context context;
    auto [near, far] = context.connection();
    std::array<char, 10> buffer;
    context.run([&, &socket = near, &peer = far]() -> task<> {
        auto reader = co_spawn(context.io(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(socket.recv(buffer, message_flags::wait_all));
            EXPECT_EQ(ec, error::connection_reset);
            EXPECT_EQ(n, 3u);
        });
        peer.send("abc");
        co_await let_others_run(20);
        peer.reset();
        co_await reader.join();
    });
}

// A receive that must not wait must not queue behind a waiting reader.
TEST(DontWait, DoesNotQueueBehindAReader) {
    real_context context;
    context.run([&]() -> task<> {
        udp::socket socket(context.io(), {ip::address_v4::loopback(), 0});
        std::array<char, 4> buffer, other;
        auto first = co_spawn(
            context.io(), [&]() -> task<> { static_cast<void>(co_await as_tuple(socket.recvfrom(other))); });
        co_await yield();
        for (const int flags: {MSG_DONTWAIT, MSG_ERRQUEUE}) {
            const auto found = co_await as_tuple(timeout(socket.recvfrom(buffer, message_flags(flags)), 5s));
            EXPECT_EQ(found.error(), error::would_block) << flags;
        }
        first.request_stop();
        co_await first.join();
    });
}

}  // namespace
}  // namespace coil::test
