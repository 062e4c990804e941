// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The peer gets the last bytes, even if it was still sending when the connection was closed.

#include <array>
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include <coil/algo/close_gracefully.hpp>
#include <coil/algo/read.hpp>
#include <coil/algo/write.hpp>
#include <coil/io/sleep.hpp>
#include <coil/loop/co_spawn.hpp>

#include "algo/every_stream.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

template <class Stream>
class CloseGracefully : public every_stream<Stream> {};

TYPED_TEST_SUITE(CloseGracefully, socket_streams, stream_names);

TYPED_TEST(CloseGracefully, PeerGetsTheLastBytes) {
    this->run([&](auto& both) -> task<> {
        const auto serve = [&]() -> task<bool> {
            co_await write(both.far, "too large");
            co_return co_await close_gracefully(both.far, 1h);
        };
        const auto upload = [&]() -> task<std::size_t> {
            auto [ec, n] = co_await as_tuple(write(both.near, std::string(10'000, 'x')));
            co_return n;
        };
        auto serving = co_spawn(this->context(), serve);
        auto uploading = co_spawn(this->context(), upload);
        std::array<char, 9> answer;
        EXPECT_EQ(co_await read(both.near, answer), answer.size());
        EXPECT_EQ(std::string(answer.data(), answer.size()), "too large");
        EXPECT_EQ(co_await uploading.join(), 10'000u);
        both.near.close();
        EXPECT_TRUE(co_await serving.join());
        EXPECT_FALSE(both.far.is_open());
    });
}

TYPED_TEST(CloseGracefully, EndsAtTheTimeLimit) {
    this->run([&](auto& both) -> task<> {
        EXPECT_FALSE(co_await close_gracefully(both.far, 1ms));
        EXPECT_FALSE(both.far.is_open());
        std::array<char, 1> none;
        EXPECT_EQ(co_await both.near.recv(none), 0u);
    });
}

TYPED_TEST(CloseGracefully, FailedConnectionIsClosed) {
    this->run([&](auto& both) -> task<> {
        TestFixture::transport_type::reset(both.near);
        EXPECT_FALSE(co_await close_gracefully(both.far, 1h));
        EXPECT_FALSE(both.far.is_open());
    });
}

}  // namespace
}  // namespace coil::test
