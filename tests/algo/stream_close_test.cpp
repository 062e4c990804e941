// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Conformance of every stream type: close, shutdown, moves and destruction.

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "algo/every_stream.hpp"

namespace coil::test {
namespace {

template <class Stream>
class StreamClose : public every_stream<Stream> {};

TYPED_TEST_SUITE(StreamClose, streams, stream_names);

TYPED_TEST(StreamClose, CloseAbortsRecvAndPeerSeesEof) {
    this->run([this](auto& both) -> task<> {
        auto reader = co_spawn(this->context(), [&]() -> task<> {
            std::array<char, 10> buffer;
            auto [ec, n] = co_await as_tuple(both.near.recv(buffer));
            EXPECT_EQ(ec, error::operation_aborted);
        });
        co_await yield_times(2);
        co_await TestFixture::close(both.near);
        EXPECT_FALSE(both.near.is_open());
        co_await reader.join();
        EXPECT_EQ(co_await this->recv_to_the_end(both.far), "");
        EXPECT_FALSE(co_await TestFixture::close(both.near));  // twice is fine
    });
}

TYPED_TEST(StreamClose, ClosedStreamIsBadDescriptor) {
    this->run([](auto& both) -> task<> {
        co_await TestFixture::close(both.near);
        char buffer[1];
        auto [ec, n] = co_await as_tuple(both.near.recv(buffer));
        EXPECT_EQ(ec, error::bad_descriptor);
        auto [send_ec, send_n] = co_await as_tuple(both.near.send("x"));
        EXPECT_EQ(send_ec, error::bad_descriptor);
        auto [read_ec, read_n] = co_await as_tuple(read(both.near, buffer));
        EXPECT_EQ(read_ec, error::bad_descriptor);
        auto [write_ec, write_n] = co_await as_tuple(write(both.near, "x"));
        EXPECT_EQ(write_ec, error::bad_descriptor);
        EXPECT_EQ(co_await TestFixture::end_sending(both.near), error::bad_descriptor);
        both.near.cancel();
    });
}

TYPED_TEST(StreamClose, MovesWhileRecvWaits) {
    this->run([this](auto& both) -> task<> {
        auto reader = co_spawn(this->context(), [&]() -> task<> {
            std::array<char, 10> buffer;
            EXPECT_GE(co_await both.near.recv(buffer), 1u);
            EXPECT_EQ(buffer[0], 'h');
        });
        co_await yield_times(2);
        auto moved = std::move(both.near);
        EXPECT_FALSE(both.near.is_open());
        EXPECT_TRUE(moved.is_open());
        co_await write(both.far, "here");
        co_await reader.join();
        both.near = std::move(moved);
        co_await write(both.near, "and back");
        std::array<char, 8> buffer;
        EXPECT_EQ(co_await read(both.far, buffer), 8u);
    });
}

TYPED_TEST(StreamClose, AssignmentClosesOldStream) {
    this->run([this](auto& both) -> task<> {
        auto reader = co_spawn(this->context(), [&]() -> task<> {
            std::array<char, 10> buffer;
            auto [ec, n] = co_await as_tuple(both.near.recv(buffer));
            EXPECT_EQ(ec, error::operation_aborted);
        });
        co_await yield();
        both.near = TypeParam();
        co_await reader.join();
        auto [ec, arrived] = co_await as_tuple(this->recv_to_the_end(both.far));
        EXPECT_EQ(ec, TestFixture::transport_type::end_of_a_lost_stream()) << ec.message();
    });
}

/// Counts live objects.
struct counted {
    explicit counted(int& counter) : alive(&counter) { ++*alive; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --*alive; }

    int* alive;
};

template <class Stream>
task<> wait_forever(Stream& end, bool reads, int& alive, int& resumed) {
    const counted here(alive);
    std::vector<char> block(endless().size());
    if (reads)
        co_await read(end, block);
    else
        co_await write(end, block);
    ++resumed;
}

template <class Stream, class Variant>
task<> hold_a_connection(io_context& context, const Variant& how, int& alive, int& resumed) {
    auto both = co_await transport<Stream>::connect(context, how);
    const counted here(alive);
    auto reader = co_spawn(context, wait_forever<Stream>(both.near, true, alive, resumed));
    auto writer = co_spawn(context, wait_forever<Stream>(both.near, false, alive, resumed));
    co_await reader.join();
    ++resumed;
}

TYPED_TEST(StreamClose, ContextDestructionResumesNoTask) {
    for (const auto& each: transport<TypeParam>::variants()) {
        SCOPED_TRACE(each.name);
        int alive = 0;
        int resumed = 0;
        typename transport<TypeParam>::context context;
        co_spawn(context.io(), hold_a_connection<TypeParam>(context, each, alive, resumed), detached);
        run_until(context.io(), [&] { return alive == 3; });
        EXPECT_EQ(alive, 3);
        context.poll();
        context.destroy();
        EXPECT_EQ(alive, 0);
        EXPECT_EQ(resumed, 0);
    }
}

// ---- shutdown of the receiving direction, which only sockets have -----------------------------------------

template <class Stream>
class StreamShutdown : public every_stream<Stream> {};

TYPED_TEST_SUITE(StreamShutdown, socket_streams, stream_names);

TYPED_TEST(StreamShutdown, ReceiveAbortsRecv) {
    this->run([this](auto& both) -> task<> {
        auto reader = co_spawn(this->context(), [&]() -> task<> {
            std::array<char, 10> buffer;
            auto [ec, n] = co_await as_tuple(both.near.recv(buffer));
            EXPECT_EQ(ec, error::operation_aborted) << ec.message();
            EXPECT_EQ(n, 0u);
        });
        co_await yield_times(2);
        both.near.shutdown(socket_base::shutdown_receive);
        co_await reader.join();
        char buffer[1];
        EXPECT_EQ(co_await both.near.recv(buffer), 0u);
    });
}

TYPED_TEST(StreamShutdown, ReceiveAbortsPartialRead) {
    this->run([this](auto& both) -> task<> {
        auto reader = co_spawn(this->context(), [&]() -> task<> {
            std::array<char, 10> buffer;
            auto [ec, n] = co_await as_tuple(read(both.near, buffer));
            EXPECT_EQ(ec, error::operation_aborted) << ec.message();
            EXPECT_EQ(n, 3u);
        });
        co_await write(both.far, "abc");
        co_await yield_times(10);
        both.near.shutdown(socket_base::shutdown_receive);
        co_await reader.join();
    });
}

}  // namespace
}  // namespace coil::test
