// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// UNIX domain sockets on the real kernel.

#include <array>
#include <chrono>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/coro/yield.hpp>
#include <coil/net/local.hpp>
#include <coil/sync/when_all.hpp>

#include "net/connected.hpp"
#include "support/foreign_program.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;
using stream = local::stream_protocol;
using datagrams = local::datagram_protocol;
using packets = local::seq_packet_protocol;

class LocalSocket : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    io_context& context() { return context_; }
    own_folder& folder() { return folder_; }

    /// A name unique to this process.
    static local::endpoint own_name(const char* what) {
        return local::endpoint::abstract("coil test " + std::to_string(::getpid()) + " " + what);
    }

private:
    own_folder folder_;
    real_context context_;
};

using buffer = std::array<char, 100>;

std::string text(const buffer& bytes, std::size_t size) { return {bytes.data(), size}; }

// ---- streams ----------------------------------------------------------------------------------------------

TEST_F(LocalSocket, ConnectsStreamsByPath) {
    const stream::endpoint path(folder() / "server");
    run([&]() -> task<> {
        stream::acceptor acceptor(context(), path);
        stream::socket client(context());
        co_await client.connect(path);
        stream::endpoint from("/not/this");
        stream::socket server = co_await acceptor.accept(from);
        EXPECT_TRUE(from.is_unnamed());
        EXPECT_EQ(acceptor.local_endpoint(), path);
        EXPECT_EQ(client.remote_endpoint(), path);
        EXPECT_EQ(server.local_endpoint(), path);
        EXPECT_TRUE(client.local_endpoint().is_unnamed());
        EXPECT_EQ(server.remote_endpoint(), stream::endpoint());
        co_await coil::write(client, "hello");
        buffer bytes;
        EXPECT_EQ(text(bytes, co_await server.recv(bytes)), "hello");
        client.close();
        EXPECT_EQ(co_await server.recv(bytes), 0u);
    });
}

TEST_F(LocalSocket, ConnectsStreamsByAbstractName) {
    const stream::endpoint name(own_name("stream"));
    run([&]() -> task<> {
        stream::acceptor acceptor(context(), name);
        stream::socket client(context(), stream::endpoint(own_name("client")));
        co_await client.connect(name);
        stream::endpoint from;
        stream::socket server = co_await acceptor.accept(from);
        EXPECT_EQ(from, stream::endpoint(own_name("client")));
        co_await coil::write(server, "hello");
        buffer bytes;
        EXPECT_EQ(text(bytes, co_await client.recv(bytes)), "hello");
    });
    // An abstract name vanishes with its socket.
    run([&]() -> task<> {
        stream::socket client(context());
        auto [ec] = co_await as_tuple(client.connect(name));
        EXPECT_EQ(ec, error::connection_refused);
        EXPECT_FALSE(client.is_open());
    });
}

TEST_F(LocalSocket, ReceivesThroughARecvStream) {
    run([&]() -> task<> {
        stream::socket near(context()), far(context());
        local::connect_pair(near, far);
        co_await coil::write(near, "chunks of the pool");
        near.close();
        std::string all;
        auto incoming = far.recv_stream();
        while (auto chunk = co_await incoming.next())
            all.append(reinterpret_cast<const char*>(chunk->data()), chunk->size());
        EXPECT_EQ(all, "chunks of the pool");
    });
}

TEST_F(LocalSocket, ReportsAStaleSocketFile) {
    const stream::endpoint path(folder() / "server");
    run([&]() -> task<> {
        stream::acceptor(context(), path).close();
        struct ::stat found{};
        EXPECT_EQ(::stat(std::string(path.path()).c_str(), &found), 0) << "the file stays";
        try {
            stream::acceptor again(context(), path);
            ADD_FAILURE() << "bound twice";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), error::address_in_use);
            EXPECT_NE(std::string(error.what()).find("remove it if no server uses it"), std::string::npos)
                << error.what();
        }
        stream::socket client(context());
        auto [ec] = co_await as_tuple(client.connect(path));
        EXPECT_EQ(ec, error::connection_refused);
        ::unlink(std::string(path.path()).c_str());
        stream::acceptor again(context(), path);
        co_await client.connect(path);
    });
}

TEST_F(LocalSocket, ConnectNamesAMissingPath) {
    const std::string path = folder() / "nothing";
    run([&]() -> task<> {
        stream::socket client(context());
        try {
            co_await client.connect(path);
            ADD_FAILURE() << "connected";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
            EXPECT_NE(std::string(error.what()).find("connect to " + path), std::string::npos)
                << error.what();
        }
    });
}

TEST_F(LocalSocket, ConnectWaitsForRoomInTheBacklog) {
    const stream::endpoint name(own_name("backlog"));
    run([&]() -> task<> {
        stream::acceptor acceptor(context());
        acceptor.open();
        acceptor.bind(name);
        acceptor.listen(0);
        stream::socket first(context()), second(context());
        co_await first.connect(name);
        bool connected = false;
        auto late = co_spawn(
            context(),
            [](stream::socket& socket, stream::endpoint to, bool& done) -> task<> {
                co_await socket.connect(to);
                done = true;
            },
            std::ref(second), name, std::ref(connected));
        co_await let_others_run(20);
        EXPECT_FALSE(connected);
        stream::socket one = co_await acceptor.accept();
        stream::socket other = co_await acceptor.accept();
        co_await late.join();
        EXPECT_TRUE(connected);
    });
}

TEST_F(LocalSocket, CancelsAConnectThatWaitsForRoom) {
    const stream::endpoint name(own_name("full"));
    run([&]() -> task<> {
        stream::acceptor acceptor(context());
        acceptor.open();
        acceptor.bind(name);
        acceptor.listen(0);
        stream::socket first(context()), second(context());
        co_await first.connect(name);
        auto [ec] = co_await as_tuple(timeout(second.connect(name), 20ms));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_FALSE(second.is_open());
    });
}

// A connect, a send and receives of each kind are waiting when the context is destroyed.
TEST_F(LocalSocket, PendingOperationsEndWithTheContext) {
    const stream::endpoint name(own_name("destroyed"));
    real_context doomed;
    stream::acceptor acceptor(doomed.io());
    acceptor.open();
    acceptor.bind(name);
    acceptor.listen(0);
    stream::socket first(doomed.io()), second(doomed.io());
    packets::socket near(doomed.io()), far(doomed.io());
    datagrams::socket deaf(doomed.io(), datagrams::endpoint(own_name("deaf"))),
        loud(doomed.io(), datagrams());
    local::connect_pair(near, far);
    std::array<char, 10> one, other;
    std::array<unique_descriptor, 2> places;
    int ended = 0;
    const auto all = [&](int which) -> task<> {
        if (which == 0) {
            co_await first.connect(name);
            co_await second.connect(name);
        } else if (which == 1) {
            for (;;)
                co_await loud.sendto("hello", deaf.local_endpoint());
        } else if (which == 2) {
            co_await near.recv(one, other);
        } else {
            co_await local::recv_descriptors(far, one, places);
        }
        ++ended;
    };
    for (int which = 0; which < 4; ++which)
        co_spawn(doomed.io(), all, which, detached);
    doomed.io().run_for(20ms);
    doomed.destroy();
    EXPECT_EQ(ended, 0);
}

TEST_F(LocalSocket, ReportsPeerCredentials) {
    run([&]() -> task<> {
        stream::socket near(context()), far(context());
        local::connect_pair(near, far);
        socket_base::peer_credentials peer_ids;
        near.get_option(peer_ids);
        EXPECT_EQ(peer_ids.value().pid, ::getpid());
        EXPECT_EQ(peer_ids.value().uid, ::getuid());
        EXPECT_EQ(peer_ids.value().gid, ::getgid());
        co_return;
    });
}

// ---- pairs ------------------------------------------------------------------------------------------------

TEST_F(LocalSocket, ConnectPairConnectsBoth) {
    run([&]() -> task<> {
        stream::socket a(context()), b(context());
        local::connect_pair(a, b);
        co_await coil::write(a, "to b");
        co_await coil::write(b, "to a");
        buffer bytes;
        EXPECT_EQ(text(bytes, co_await a.recv(bytes)), "to a");
        EXPECT_EQ(text(bytes, co_await b.recv(bytes)), "to b");
        EXPECT_NE(::fcntl(a.native_handle(), F_GETFD) & FD_CLOEXEC, 0);
        EXPECT_NE(::fcntl(b.native_handle(), F_GETFD) & FD_CLOEXEC, 0);
    });
}

TEST_F(LocalSocket, ConnectPairFailsOnOpenSockets) {
    stream::socket open(context(), stream()), closed(context());
    for (const bool first: {true, false}) {
        try {
            if (first)
                local::connect_pair(open, closed);
            else
                local::connect_pair(closed, open);
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), error::already_open);
        }
    }
    EXPECT_FALSE(closed.is_open());
}

TEST_F(LocalSocket, ConnectPairFailsWithoutAContext) {
    stream::socket some(context()), none;
    EXPECT_THROW(local::connect_pair(some, none), std::system_error);
    EXPECT_THROW(local::connect_pair(none, some), std::system_error);
    EXPECT_FALSE(some.is_open());
}

// ---- datagrams --------------------------------------------------------------------------------------------

TEST_F(LocalSocket, DatagramsCarryTheSendersAddress) {
    run([&]() -> task<> {
        const datagrams::endpoint here(folder() / "here"), there(own_name("there"));
        datagrams::socket one(context(), here), other(context(), there);
        co_await one.sendto("hello", there);
        buffer bytes;
        auto [size, truncated, from] = co_await other.recvfrom(bytes);
        EXPECT_EQ(text(bytes, size), "hello");
        EXPECT_FALSE(truncated);
        EXPECT_EQ(from, here);
        co_await other.sendto("back", from);
        std::array<char, 2> little;
        auto cut = co_await one.recvfrom(little);
        EXPECT_EQ(cut.size, 2u);
        EXPECT_TRUE(cut.truncated);
        EXPECT_EQ(cut.from, there);
    });
}

TEST_F(LocalSocket, UnboundSenderHasNoAddress) {
    run([&]() -> task<> {
        const datagrams::endpoint there(own_name("receiver"));
        datagrams::socket one(context(), datagrams()), other(context(), there);
        co_await one.sendto("", there);
        buffer bytes;
        auto [size, truncated, from] = co_await other.recvfrom(bytes);
        EXPECT_EQ(size, 0u);
        EXPECT_TRUE(from.is_unnamed());
        co_await one.connect(there);
        const std::array<const_buffer, 2> parts = {"in ", "parts"};
        co_await one.send(parts);
        std::array<char, 3> head;
        std::array<char, 10> rest;
        auto scattered = co_await other.recvfrom(head, rest);
        EXPECT_EQ(scattered.size, 8u);
        EXPECT_EQ(std::string(rest.data(), 5), "parts");
    });
}

TEST_F(LocalSocket, SendtoNamesAMissingPath) {
    run([&]() -> task<> {
        datagrams::socket one(context(), datagrams());
        try {
            co_await one.sendto("hello", local::endpoint(folder() / "missing"));
            ADD_FAILURE() << "sent";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
            EXPECT_NE(std::string(error.what()).find("sendto " + (folder() / "missing")), std::string::npos)
                << error.what();
        }
    });
}

// No datagram is lost: a sender that is too fast waits.
TEST_F(LocalSocket, DatagramSendsWaitForTheReceiver) {
    constexpr int count = 300;  // net.unix.max_dgram_qlen: 10 to 512
    run([&]() -> task<> {
        const datagrams::endpoint there(own_name("slow"));
        datagrams::socket one(context(), datagrams()), other(context(), there);
        auto sending = co_spawn(
            context(),
            [](datagrams::socket& from, datagrams::endpoint to) -> task<> {
                for (int i = 0; i < count; ++i)
                    co_await from.sendto(std::to_string(i), to);
            },
            std::ref(one), there);
        co_await let_others_run(50);
        buffer bytes;
        for (int i = 0; i < count; ++i)
            EXPECT_EQ(text(bytes, (co_await other.recvfrom(bytes)).size), std::to_string(i));
        co_await sending.join();
    });
}

TEST_F(LocalSocket, CancelsADatagramSendThatWaits) {
    run([&]() -> task<> {
        const datagrams::endpoint there(own_name("deaf"));
        datagrams::socket one(context(), datagrams()), other(context(), there);
        std::error_code ended;
        for (int i = 0; i < 2000 && !ended; ++i) {
            auto [ec, n] = co_await as_tuple(timeout(one.sendto("hello", there), 20ms));
            ended = ec;
        }
        EXPECT_EQ(ended, error::timed_out);
    });
}

// ---- sequenced packets ------------------------------------------------------------------------------------

TEST_F(LocalSocket, PacketsKeepTheirBoundaries) {
    const packets::endpoint path(folder() / "packets");
    run([&]() -> task<> {
        packets::acceptor acceptor(context(), path);
        packets::socket client(context());
        co_await client.connect(path);
        packets::socket server = co_await acceptor.accept();
        EXPECT_EQ(client.remote_endpoint(), path);
        co_await client.send("one");
        co_await client.send("and ", "two");
        const std::array<const_buffer, 2> parts = {"thr", "ee"};
        co_await client.send(parts);
        co_await client.send("much too large for this");
        buffer bytes;
        EXPECT_EQ(text(bytes, (co_await server.recv(bytes)).size), "one");
        EXPECT_EQ(text(bytes, (co_await server.recv(bytes)).size), "and two");
        std::array<char, 2> head;
        std::array<char, 10> rest;
        EXPECT_EQ((co_await server.recv(head, rest)).size, 5u);
        EXPECT_EQ(std::string(rest.data(), 3), "ree");
        const auto cut = co_await server.recv(head);
        EXPECT_EQ(cut.size, 2u);
        EXPECT_TRUE(cut.truncated);
        client.shutdown(socket_base::shutdown_send);
        EXPECT_EQ((co_await server.recv(bytes)).size, 0u);
        co_await server.send("bye");
        EXPECT_EQ(text(bytes, (co_await client.recv(bytes)).size), "bye");
    });
}

TEST_F(LocalSocket, PacketSendFailsAfterPeerClose) {
    run([&]() -> task<> {
        packets::socket near(context()), far(context());
        local::connect_pair(near, far);
        far.close();
        auto [ec, n] = co_await as_tuple(near.send("hello"));
        EXPECT_EQ(ec, error::broken_pipe);
    });
}

TEST_F(LocalSocket, CancelledPacketRecvLosesNothing) {
    run([&]() -> task<> {
        packets::socket near(context()), far(context());
        local::connect_pair(near, far);
        buffer bytes;
        auto [ec, nothing] = co_await as_tuple(timeout(near.recv(bytes), 1ms));
        EXPECT_EQ(ec, error::timed_out);
        auto [again, none] = co_await as_tuple(timeout(near.recv(bytes), 1ms));
        EXPECT_EQ(again, error::timed_out);
        co_await far.send("still here");
        EXPECT_EQ((co_await near.recv(bytes)).size, 10u);
    });
}

// ---- descriptors ------------------------------------------------------------------------------------------

using files = std::array<unique_descriptor, 4>;

/// A memory file with this content.
unique_descriptor file_with(const std::string& content) {
    unique_descriptor made(::memfd_create("coil test", MFD_CLOEXEC));
    EXPECT_EQ(::pwrite(made.get(), content.data(), content.size(), 0), static_cast<ssize_t>(content.size()));
    return made;
}
std::string content_of(const unique_descriptor& file) {
    std::string content(100, '\0');
    const ssize_t n = ::pread(file.get(), content.data(), content.size(), 0);
    content.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return content;
}

int open_count() {
    int count = 0;
    for (int number = 0; number < 1000; ++number)
        count += ::fcntl(number, F_GETFD) >= 0;
    return count;
}

template <class Protocol>
class DescriptorPassing : public LocalSocket {};

struct protocol_names {
    template <class T>
    static std::string GetName(int) {
        return std::is_same_v<T, stream> ? "Stream" : std::is_same_v<T, packets> ? "SeqPacket" : "Datagram";
    }
};

using protocols = testing::Types<stream, datagrams, packets>;
TYPED_TEST_SUITE(DescriptorPassing, protocols, protocol_names);

TYPED_TEST(DescriptorPassing, TransfersFiles) {
    this->run([&]() -> task<> {
        typename TypeParam::socket near(this->context()), far(this->context());
        local::connect_pair(near, far);
        {
            const unique_descriptor one = file_with("one"), other = file_with("other");
            EXPECT_EQ(co_await local::send_descriptors(near, "files", std::array{one.get(), other.get()}),
                      5u);
        }
        buffer bytes;
        files arrived;
        auto [size, truncated, count, dropped] = co_await local::recv_descriptors(far, bytes, arrived);
        EXPECT_EQ(text(bytes, size), "files");
        EXPECT_FALSE(truncated);
        EXPECT_FALSE(dropped);
        CO_ASSERT_EQ(count, 2u);
        EXPECT_EQ(content_of(arrived[0]), "one");
        EXPECT_EQ(content_of(arrived[1]), "other");
        EXPECT_FALSE(arrived[2]);
        EXPECT_NE(::fcntl(arrived[0].get(), F_GETFD) & FD_CLOEXEC, 0);
    });
}

// A receive may start before the descriptors are sent.
TYPED_TEST(DescriptorPassing, WaitsForDescriptors) {
    this->run([&]() -> task<> {
        typename TypeParam::socket near(this->context()), far(this->context());
        local::connect_pair(near, far);
        auto receiving = co_spawn(
            this->context(),
            [](typename TypeParam::socket& from) -> task<std::string> {
                buffer bytes;
                files arrived;
                auto got = co_await local::recv_descriptors(from, bytes, arrived);
                co_return content_of(arrived[0]) + "," + std::to_string(got.descriptors);
            },
            std::ref(far));
        co_await let_others_run(5);
        const unique_descriptor file = file_with("late");
        co_await local::send_descriptors(near, "x", std::array{file.get()});
        EXPECT_EQ(co_await receiving.join(), "late,1");
    });
}

// The control buffer has room for credentials, which the kernel fills with further descriptors. These must be
// closed, too.
TYPED_TEST(DescriptorPassing, ClosesDescriptorsWithoutRoom) {
    this->run([&]() -> task<> {
        typename TypeParam::socket near(this->context()), far(this->context());
        local::connect_pair(near, far);
        const unique_descriptor file = file_with("many");
        buffer bytes;
        std::array<unique_descriptor, 2> few;
        for (const std::size_t sent: {2u, 3u, 5u, 40u, 253u}) {
            co_await local::send_descriptors(near, "x", std::vector<int>(sent, file.get()));
            const int before = open_count();
            auto got = co_await local::recv_descriptors(far, bytes, few);
            EXPECT_EQ(got.descriptors, 2u);
            EXPECT_EQ(got.dropped, sent > 2) << sent;
            few = {};
            EXPECT_EQ(open_count(), before) << sent;
        }
    });
}

TYPED_TEST(DescriptorPassing, PlainRecvClosesDescriptors) {
    this->run([&]() -> task<> {
        typename TypeParam::socket near(this->context()), far(this->context());
        local::connect_pair(near, far);
        const unique_descriptor file = file_with("unwanted");
        co_await local::send_descriptors(near, "x", std::array{file.get()});
        const int before = open_count();
        buffer bytes;
        co_await far.recv(bytes);
        EXPECT_EQ(open_count(), before);
    });
}

TYPED_TEST(DescriptorPassing, SendsWithoutDescriptors) {
    this->run([&]() -> task<> {
        typename TypeParam::socket near(this->context()), far(this->context());
        local::connect_pair(near, far);
        EXPECT_EQ(co_await local::send_descriptors(near, "plain", {}), 5u);
        buffer bytes;
        files arrived;
        auto got = co_await local::recv_descriptors(far, bytes, arrived);
        EXPECT_EQ(got.size, 5u);
        EXPECT_EQ(got.descriptors, 0u);
        EXPECT_FALSE(got.dropped);
        co_await near.send("nothing with it");
        got = co_await local::recv_descriptors(far, bytes, std::span<unique_descriptor>());
        EXPECT_EQ(got.size, 15u);
    });
}

TYPED_TEST(DescriptorPassing, FailsOnTooManyOrInvalid) {
    this->run([&]() -> task<> {
        typename TypeParam::socket near(this->context()), far(this->context());
        local::connect_pair(near, far);
        const unique_descriptor file = file_with("x");
        auto [ec, n] =
            co_await as_tuple(local::send_descriptors(near, "x", std::vector<int>(254, file.get())));
        EXPECT_EQ(ec, error::invalid_argument);
        auto [bad, none] = co_await as_tuple(local::send_descriptors(near, "x", std::array{-1}));
        EXPECT_EQ(bad, error::bad_descriptor);
    });
}

TYPED_TEST(DescriptorPassing, CancelledRecvLosesNothing) {
    this->run([&]() -> task<> {
        typename TypeParam::socket near(this->context()), far(this->context());
        local::connect_pair(near, far);
        buffer bytes;
        files arrived;
        auto [ec, nothing] = co_await as_tuple(timeout(local::recv_descriptors(far, bytes, arrived), 1ms));
        EXPECT_EQ(ec, error::timed_out);
        const unique_descriptor file = file_with("kept");
        co_await local::send_descriptors(near, "x", std::array{file.get()});
        co_await local::recv_descriptors(far, bytes, arrived);
        EXPECT_EQ(content_of(arrived[0]), "kept");
    });
}

// With SO_PASSCRED the kernel stores the sender's credentials first. They must not use up the space for the
// descriptors.
TYPED_TEST(DescriptorPassing, HasRoomForCredentials) {
    this->run([&]() -> task<> {
        typename TypeParam::socket near(this->context()), far(this->context());
        local::connect_pair(near, far);
        far.set_option(option<SOL_SOCKET, SO_PASSCRED, bool>(true));
        const unique_descriptor file = file_with("still");
        co_await local::send_descriptors(near, "x", std::array{file.get(), file.get()});
        buffer bytes;
        std::array<unique_descriptor, 2> arrived;
        auto got = co_await local::recv_descriptors(far, bytes, arrived);
        EXPECT_EQ(got.descriptors, 2u);
        EXPECT_FALSE(got.dropped);
        EXPECT_EQ(content_of(arrived[1]), "still");
    });
}

TEST_F(LocalSocket, DescriptorsNeedAByteOnAStream) {
    run([&]() -> task<> {
        stream::socket near(context()), far(context());
        local::connect_pair(near, far);
        const unique_descriptor file = file_with("x");
        auto [ec, n] = co_await as_tuple(local::send_descriptors(near, "", std::array{file.get()}));
        EXPECT_EQ(ec, error::invalid_argument);
    });
}

TEST_F(LocalSocket, DescriptorsOfTwoSendsAreNotMerged) {
    run([&]() -> task<> {
        stream::socket near(context()), far(context());
        local::connect_pair(near, far);
        const unique_descriptor one = file_with("one"), other = file_with("other");
        co_await local::send_descriptors(near, "a", std::array{one.get()});
        co_await local::send_descriptors(near, "b", std::array{other.get()});
        buffer bytes;
        files arrived;
        auto first = co_await local::recv_descriptors(far, bytes, arrived);
        EXPECT_EQ(first.size, 1u);
        EXPECT_EQ(content_of(arrived[0]), "one");
        auto second = co_await local::recv_descriptors(far, bytes, arrived);
        EXPECT_EQ(second.size, 1u);
        EXPECT_EQ(content_of(arrived[0]), "other");
    });
}

// A socket can be passed, too: a listener can hand its connections to another process.
TEST_F(LocalSocket, PassedSocketStaysConnected) {
    run([&]() -> task<> {
        auto both = co_await connect_ends(context());
        stream::socket near(context()), far(context());
        local::connect_pair(near, far);
        co_await local::send_descriptors(near, "x", std::array{both.far.native_handle()});
        both.far.close();
        buffer bytes;
        std::array<unique_descriptor, 1> arrived;
        co_await local::recv_descriptors(far, bytes, arrived);
        tcp::socket passed(context());
        passed.assign(tcp::v4(), arrived[0].release());
        co_await coil::write(both.near, "hello");
        EXPECT_EQ(text(bytes, co_await passed.recv(bytes)), "hello");
    });
}

// ---- foreign peers ----------------------------------------------------------------------------------------

TEST_F(LocalSocket, SocatReceivesFromAStream) {
    if (!foreign_program::is_there("/usr/bin/socat"))
        GTEST_SKIP() << "no socat";
    const std::string path = folder() / "server";
    run([&]() -> task<> {
        stream::acceptor acceptor(context(), path);
        foreign_program socat({"/usr/bin/socat", "-u", "UNIX-CONNECT:" + path, "STDOUT"});
        stream::socket peer = co_await acceptor.accept();
        co_await coil::write(peer, "from coil");
        peer.close();
        EXPECT_EQ(socat.finish(), "from coil");
    });
}

TEST_F(LocalSocket, SocatAnswersDatagrams) {
    if (!foreign_program::is_there("/usr/bin/socat"))
        GTEST_SKIP() << "no socat";
    const std::string here = folder() / "here", there = folder() / "there";
    run([&]() -> task<> {
        datagrams::socket socket(context(), here);
        foreign_program socat({"/usr/bin/socat", "UNIX-SENDTO:" + here + ",bind=" + there + ",null-eof",
                               "SYSTEM:echo ready; cat; :"});
        buffer bytes;
        auto [size, truncated, from] = co_await socket.recvfrom(bytes);
        EXPECT_EQ(text(bytes, size), "ready\n");
        EXPECT_EQ(from, local::endpoint(there));
        co_await socket.sendto("echo", from);
        EXPECT_EQ(text(bytes, (co_await socket.recvfrom(bytes)).size), "echo");
        co_await socket.sendto("", from);  // an empty datagram ends socat
    });
}

TEST_F(LocalSocket, PythonPassesFilesBothWays) {
    const std::string python = "/usr/bin/python3";
    if (!foreign_program::is_there(python))
        GTEST_SKIP() << "no python3";
    const std::string path = folder() / "server";
    const std::string script = R"(
import os, socket, sys, tempfile
peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
peer.connect(sys.argv[1])
with tempfile.TemporaryFile() as ours:
    ours.write(b"from python")
    ours.flush()
    socket.send_fds(peer, [b"here"], [ours.fileno(), ours.fileno()])
data, fds, flags, address = socket.recv_fds(peer, 100, 4)
print(data.decode(), len(fds), os.pread(fds[0], 100, 0).decode())
)";
    run([&]() -> task<> {
        stream::acceptor acceptor(context(), path);
        foreign_program program({python, "-c", script, path});
        stream::socket peer = co_await acceptor.accept();
        buffer bytes;
        files arrived;
        auto got = co_await local::recv_descriptors(peer, bytes, arrived);
        EXPECT_EQ(text(bytes, got.size), "here");
        EXPECT_EQ(got.descriptors, 2u);
        EXPECT_EQ(content_of(arrived[1]), "from python");
        const unique_descriptor file = file_with("from coil");
        co_await local::send_descriptors(peer, "there", std::array{file.get()});
        EXPECT_EQ(program.finish(), "there 1 from coil\n");
    });
}

}  // namespace
}  // namespace coil::test
