// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/user_memory.hpp"

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <coil/io/stream_descriptor.hpp>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

#ifdef COIL_ASAN

namespace coil::test {
namespace {

// AddressSanitizer does not see the kernel's reads and writes. Without the library's checks it misses that
// `co_await std::move(what)` sends the bytes of a destroyed temporary.

constexpr const char* dead_when_given = "not alive when the kernel gets it(.|\n)*heap-use-after-free";
constexpr const char* dead_when_done = "was freed while the kernel had it(.|\n)*heap-use-after-free";

std::string large() { return std::string(100'000, 'x'); }

template <class F>
void run_story(F&& story) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> {
        context.answer_next(1);
        co_await story(socket);
    });
}

TEST(UserMemory, FindsASendOfATemporary) {
    EXPECT_DEATH(run_story([](tcp::socket& socket) -> task<> {
                     auto what = socket.send(large());
                     co_await std::move(what);
                 }),
                 dead_when_given);
}

TEST(UserMemory, FindsADirectSendOfATemporary) {
    real_context context;
    EXPECT_DEATH(context.run([&]() -> task<> {
        auto [socket, peer] = context.connection();
        auto what = socket.send(std::string(100, 'x'));
        co_await std::move(what);
    }),
                 dead_when_given);
}

TEST(UserMemory, FindsARecvIntoFreedMemory) {
    EXPECT_DEATH(run_story([](tcp::socket& socket) -> task<> {
                     auto bytes = std::make_unique<std::array<char, 100>>();
                     auto what = socket.recv(*bytes);
                     bytes.reset();
                     co_await std::move(what);
                 }),
                 dead_when_given);
}

TEST(UserMemory, FindsEachOfSeveralBuffers) {
    EXPECT_DEATH(run_story([](tcp::socket& socket) -> task<> {
                     std::array<char, 10> alive{};
                     auto freed = std::make_unique<std::array<char, 10>>();
                     auto what = socket.recv(alive, *freed);
                     freed.reset();
                     co_await std::move(what);
                 }),
                 dead_when_given);
    EXPECT_DEATH(run_story([](tcp::socket& socket) -> task<> {
                     auto what = socket.send(std::string_view("alive"), large());
                     co_await std::move(what);
                 }),
                 dead_when_given);
}

// Frees the buffer while the kernel has it, then calls `step`.
void free_in_flight(const std::function<void(scripted_context&, tcp::socket&)>& step) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto bytes = std::make_unique<std::array<char, 100>>();
    context.then([&] {
        bytes.reset();
        step(context, socket);
    });
    context.run([&]() -> task<> { co_await socket.recv(*bytes); });
}

TEST(UserMemory, FindsABufferFreedBeforeCompletion) {
    EXPECT_DEATH(
        free_in_flight([](scripted_context& context, tcp::socket&) { context.answer(IORING_OP_RECV, 0); }),
        dead_when_done);
}

TEST(UserMemory, FindsABufferFreedBeforeACancel) {
    EXPECT_DEATH(free_in_flight([](scripted_context&, tcp::socket& socket) { socket.cancel(); }),
                 dead_when_done);
}

TEST(UserMemory, FindsBuffersOfStreamDescriptors) {
    real_context context;
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    EXPECT_DEATH(context.run([&]() -> task<> {
        posix::stream_descriptor out(context, ends[1]);
        auto what = out.send(large());
        co_await std::move(what);
    }),
                 dead_when_given);
    EXPECT_DEATH(context.run([&]() -> task<> {
        posix::stream_descriptor in(context, ends[0]);
        auto bytes = std::make_unique<std::array<char, 100>>();
        auto what = in.recv(*bytes);
        bytes.reset();
        co_await std::move(what);
    }),
                 dead_when_given);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(UserMemory, AllowsATemporaryInTheSameAwait) {
    run_story([](tcp::socket& socket) -> task<> { co_await socket.send(large()); });
}

TEST(UserMemory, ChecksBothEndsOfALargeBuffer) {
    const auto large_block = std::make_unique<char[]>(std::size_t{3} << 20);
    ring::check_read(large_block.get(), std::size_t{3} << 20);
    EXPECT_DEATH(ring::check_read(large_block.get(), (std::size_t{3} << 20) + 1), "heap-buffer-overflow");
}

}  // namespace
}  // namespace coil::test

#endif
