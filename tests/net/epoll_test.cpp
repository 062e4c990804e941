// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Operations that share a descriptor on the epoll engine, where each edge-triggered event is reported once.

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <coil/algo/read.hpp>
#include <coil/algo/write.hpp>
#include <coil/coro/yield.hpp>
#include <coil/io/stream_descriptor.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/net/local.hpp>

namespace coil::test {
namespace {

using namespace std::chrono_literals;
using stream_socket = local::stream_protocol::socket;

class OnEpoll : public testing::Test {
protected:
    OnEpoll() { local::connect_pair(near_, far_); }

    static constexpr std::size_t much = 4 << 20;  // more than the socket buffers hold

    task<> send_much() {
        const std::string bytes(much, 'x');
        co_await write(near_, bytes);
        has_sent_ = true;
    }
    task<> receive_much() {
        std::vector<char> bytes(much);
        co_await read(far_, bytes);
        has_received_ = true;
    }
    void expect_transfer() {
        context_.run_for(10s);
        EXPECT_TRUE(has_sent_);
        EXPECT_TRUE(has_received_);
    }

    io_context context_{{.engine = io_engine::epoll}};
    stream_socket near_{context_};
    stream_socket far_{context_};
    bool has_sent_ = false;
    bool has_received_ = false;
};

TEST_F(OnEpoll, WaitingPollDoesNotHoldUpASend) {
    const auto wait = [&]() -> task<> {
        co_await near_.wait(near_.wait_read);
        ADD_FAILURE() << "the peer has sent nothing";
    };
    const auto stop = [&]() -> task<> {
        co_await receive_much();
        while (!has_sent_)
            co_await yield();
        context_.stop();
    };
    co_spawn(context_, wait, detached);
    context_.poll();  // the wait is submitted first
    co_spawn(context_, send_much(), detached);
    co_spawn(context_, stop, detached);
    expect_transfer();
}

TEST_F(OnEpoll, SecondObjectKeepsTheEventsOfTheFirst) {
    co_spawn(context_, send_much(), detached);
    context_.poll();  // the send waits
    auto second = posix::stream_descriptor::borrow(context_, near_.native_handle());
    const auto wait = [&]() -> task<> {
        EXPECT_EQ(co_await second.wait(second.wait_read), second.wait_read);
    };
    co_spawn(context_, wait, detached);
    context_.poll();
    const auto answer = [&]() -> task<> {
        co_await receive_much();
        co_await write(far_, "answer");
    };
    co_spawn(context_, answer, detached);
    expect_transfer();
}

}  // namespace
}  // namespace coil::test
