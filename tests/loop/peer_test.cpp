// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The peer of a descriptor: where its address is cached, and when getpeername(2) is called.

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using bytes = std::array<char, 10>;

const ip::endpoint client{ip::address_v4({192, 0, 2, 9}), 4711};
const ip::endpoint client_v6{ip::address_v6::loopback(), 4711};

unsigned peer_name_queries(scripted_context& context) {
    return context.script().getsockopt_calls(SOL_SOCKET, SO_PEERNAME);
}

/// Returns the error text of a recv that fails.
task<std::string> failure_of_recv(tcp::socket& socket) {
    bytes buffer;
    try {
        co_await socket.recv(buffer);
    } catch (const transfer_error& failure) {
        co_return failure.what();
    }
    co_return "no error";
}

bool names(std::string_view text, const ip::endpoint& peer) {
    return text.find("recv (peer " + peer.to_string() + ")") != std::string_view::npos;
}

TEST(Peer, IsNotQueriedUnlessNeeded) {
    scripted_context context;
    auto acceptor = context.acceptor();
    bytes buffer;
    context.run([&]() -> task<> {
        for (int i = 0; i < 3; ++i) {
            context.answer_next(reply::connection(client));
            auto socket = co_await acceptor.accept();
            context.answer_next("hello");
            const std::size_t n = co_await socket.recv(buffer);
            context.answer_next(reply::all());
            co_await socket.send(coil::buffer(buffer.data(), n));
            context.answer_next(0);
            EXPECT_EQ(co_await socket.recv(buffer), 0u);
            socket.close();
        }
    });
    EXPECT_EQ(context.script().getpeername_calls(), 0u);
    EXPECT_EQ(peer_name_queries(context), 0u);
    EXPECT_EQ(context.script().getsockopt_calls(SOL_SOCKET, SO_LINGER), 0u);
}

// The kernel returns the address with the connection, so no getpeername(2) is needed, even after a reset.
TEST(Peer, IsKnownAfterAccept) {
    for (const auto& from: {client, client_v6}) {
        scripted_context context;
        auto acceptor = context.acceptor();
        context.run([&]() -> task<> {
            context.answer_next(reply::connection(from));
            tcp::endpoint peer;
            auto socket = co_await acceptor.accept(peer);
            EXPECT_EQ(peer, from);
            context.script().reset_by_peer(context.script().open_descriptors().back());
            EXPECT_EQ(socket.remote_endpoint(), from);
            const auto moved = std::move(socket);
            EXPECT_EQ(moved.remote_endpoint(), from);
        });
        EXPECT_EQ(context.script().getpeername_calls(), 0u);
    }
}

// Regression: errors of an assigned socket did not name the peer.
TEST(Peer, IsInErrorsOfAnAssignedSocket) {
    for (const auto& from: {client, client_v6}) {
        scripted_context context;
        tcp::socket socket(context.io());
        socket.assign(tcp::v4(), context.script().make_connection(SOCK_STREAM, from));
        EXPECT_EQ(context.script().getpeername_calls(), 1u);
        context.run([&]() -> task<> {
            context.script().reset_by_peer(socket.native_handle());
            context.answer_next(-ECONNRESET);
            const std::string text = co_await failure_of_recv(socket);
            EXPECT_TRUE(names(text, from)) << text;
            EXPECT_EQ(socket.remote_endpoint(), from);
        });
        EXPECT_EQ(context.script().getpeername_calls(), 1u);
    }
}

TEST(Peer, IsUnknownIfAssignedUnconnected) {
    scripted_context context;
    tcp::socket socket(context.io());
    socket.assign(tcp::v4(), context.script().make_connection(SOCK_STREAM, client));
    socket.close();
    const int unconnected = context.script().make_connection(SOCK_STREAM, client);
    context.script().drop_peer(unconnected);
    socket.assign(tcp::v4(), unconnected);
    context.run([&]() -> task<> {
        context.answer_next(-ENOTCONN);
        const std::string text = co_await failure_of_recv(socket);
        EXPECT_EQ(text.find("(peer"), std::string::npos) << text;
    });
}

TEST(Peer, IsInErrorsAfterAReset) {
    for (const bool queried_before: {false, true}) {
        scripted_context context;
        auto acceptor = context.acceptor();
        context.run([&]() -> task<> {
            context.answer_next(reply::connection(client));
            auto socket = co_await acceptor.accept();
            if (queried_before) {
                EXPECT_EQ(socket.remote_endpoint(), client);
            }
            context.script().reset_by_peer(context.script().open_descriptors().back());
            context.answer_next(-ECONNRESET);
            const std::string text = co_await failure_of_recv(socket);
            EXPECT_TRUE(names(text, client)) << text;
            EXPECT_EQ(context.script().getpeername_calls(), 0u);
        });
    }
}

// The descriptor is gone when the error text is built.
TEST(Peer, IsInErrorsAfterCloseOrRelease) {
    for (const bool release: {false, true}) {
        scripted_context context;
        auto acceptor = context.acceptor();
        std::optional<tcp::socket> socket;
        int released = -1;
        context.run([&]() -> task<> {
            context.answer_next(reply::connection(client));
            socket = co_await acceptor.accept();
            context.then([&] {
                if (release)
                    released = socket->release();
                else
                    socket->close();
            });
            const std::string text = co_await failure_of_recv(*socket);
            EXPECT_TRUE(names(text, client)) << text;
        });
        EXPECT_EQ(context.script().getpeername_calls(), 0u);
        if (release)
            context.script().forget(released);
    }
}

TEST(Peer, IsKnownAfterConnect) {
    scripted_context context;
    context.run([&]() -> task<> {
        tcp::socket socket(context);
        context.answer_next(0);
        co_await socket.connect(tcp::endpoint(client));
        EXPECT_EQ(socket.remote_endpoint(), client);
        context.answer_next(-ECONNRESET);
        const std::string text = co_await failure_of_recv(socket);
        EXPECT_TRUE(names(text, client)) << text;
    });
    EXPECT_EQ(context.script().getpeername_calls(), 0u);
}

// assign() calls getpeername(2) once. remote_endpoint() of an unconnected socket calls it each time.
TEST(Peer, IsQueriedOnceIfAssigned) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto unconnected = context.datagram_socket();
    auto datagrams = context.connected_datagram_socket();
    EXPECT_EQ(context.script().getpeername_calls(), 2u);
    std::error_code ec;
    EXPECT_EQ(unconnected.remote_endpoint(ec), udp::endpoint());
    EXPECT_EQ(ec, std::errc::not_connected);
    EXPECT_EQ(context.script().getpeername_calls(), 3u);
    EXPECT_EQ(datagrams.remote_endpoint().port(), 7777u);
    EXPECT_EQ(socket.remote_endpoint().port(), 7777u);
    EXPECT_EQ(socket.remote_endpoint().port(), 7777u);
    EXPECT_EQ(context.script().getpeername_calls(), 3u);
    EXPECT_EQ(peer_name_queries(context), 0u);
}

// A descriptor record is reused, and must not keep the peer of its previous descriptor.
TEST(Peer, IsNotKeptWhenTheRecordIsReused) {
    scripted_context context;
    auto acceptor = context.acceptor();
    context.run([&]() -> task<> {
        for (const bool queries: {true, false, true}) {
            context.answer_next(reply::connection(client));
            auto socket = co_await acceptor.accept();
            if (queries) {
                EXPECT_EQ(socket.remote_endpoint(), client);
            }
        }
        tcp::socket unopened(context);
        const std::string text = co_await failure_of_recv(unopened);
        EXPECT_EQ(text.find("peer"), std::string::npos) << text;
        tcp::socket next(context, tcp::v4());
        std::error_code ec;
        EXPECT_EQ(next.remote_endpoint(ec), tcp::endpoint());
        EXPECT_EQ(ec, std::errc::not_connected);
        EXPECT_EQ(peer_name_queries(context), 0u);
    });
}

}  // namespace
}  // namespace coil::test
