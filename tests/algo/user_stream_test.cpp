// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Streams that a user writes, with tasks: a byte counter, a rate limiter and an XOR cipher. Everything that
// takes a stream works over them, and over an any_stream.

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <coil/algo/any_stream.hpp>
#include <coil/algo/buffered_reader.hpp>
#include <coil/algo/buffered_writer.hpp>
#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/io/sleep.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/sync/when_any.hpp>
#include <coil/test/stream_pair.hpp>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

template <class Inner>
class byte_counter {
public:
    explicit byte_counter(Inner inner) : inner_(std::move(inner)) {}

    task<std::size_t> recv(mutable_buffer buffer) {
        const std::size_t n = co_await inner_.recv(buffer);
        received += n;
        co_return n;
    }
    task<std::size_t> send(const_buffer buffer) {
        const std::size_t n = co_await inner_.send(buffer);
        sent += n;
        co_return n;
    }

    std::size_t received = 0;
    std::size_t sent = 0;

private:
    Inner inner_;
};

/// Sends at most `chunk` bytes each 10 ms.
template <class Inner>
class rate_limiter {
public:
    rate_limiter(Inner inner, std::size_t chunk) : inner_(std::move(inner)), chunk_(chunk) {}

    auto recv(mutable_buffer buffer) { return inner_.recv(buffer); }
    task<std::size_t> send(const_buffer buffer) {
        co_await sleep_for(10ms);
        co_return co_await inner_.send(buffer.first(chunk_));
    }

private:
    Inner inner_;
    std::size_t chunk_;
};

template <class Inner>
class xor_cipher {
public:
    xor_cipher(Inner inner, char key) : inner_(std::move(inner)), key_(key) {}

    task<std::size_t> recv(mutable_buffer buffer) {
        const std::size_t n = co_await inner_.recv(buffer);
        auto* bytes = static_cast<char*>(buffer.data());
        for (std::size_t i = 0; i < n; ++i)
            bytes[i] ^= key_;
        co_return n;
    }
    task<std::size_t> send(const_buffer buffer) {
        std::string encrypted(static_cast<const char*>(buffer.data()), buffer.size());
        for (char& each: encrypted)
            each ^= key_;
        co_await write(inner_, encrypted);
        co_return buffer.size();
    }

private:
    Inner inner_;
    char key_;
};

static_assert(stream<byte_counter<memory_stream>> && stream<rate_limiter<memory_stream>> &&
              stream<xor_cipher<memory_stream>> && stream<xor_cipher<any_stream>> && stream<any_stream>);

class UserStream : public testing::Test {
protected:
    scripted_context context_;
    stream_pair pair_;
};

TEST_F(UserStream, IsReadAndWritten) {
    context_.run([&]() -> task<> {
        byte_counter near(std::move(pair_.first));
        xor_cipher there(std::move(pair_.second), 'k');
        xor_cipher<byte_counter<memory_stream>> here(std::move(near), 'k');
        co_await write(here, "hello");
        std::array<char, 5> buffer;
        EXPECT_EQ(co_await read(there, buffer), 5u);
        EXPECT_EQ(std::string(buffer.data(), 5), "hello");
    });
}

TEST_F(UserStream, GathersAndScattersWithoutSupport) {
    context_.run([&]() -> task<> {
        byte_counter near(std::move(pair_.first));
        byte_counter far(std::move(pair_.second));
        EXPECT_EQ(co_await write(near, "he", std::string(), "llo"), 5u);
        std::array<char, 1> head;
        std::array<char, 4> rest;
        EXPECT_EQ(co_await read(far, head, rest), 5u);
        EXPECT_EQ(std::string(head.data(), 1) + std::string(rest.data(), 4), "hello");
        EXPECT_EQ(near.sent, 5u);
        EXPECT_EQ(far.received, 5u);
    });
}

TEST_F(UserStream, IsBuffered) {
    context_.run([&]() -> task<> {
        buffered_writer writer(xor_cipher(std::move(pair_.first), 'x'));
        buffered_reader reader(xor_cipher(std::move(pair_.second), 'x'));
        co_await writer.write("first\nsec", "ond\n");
        co_await writer.flush();
        EXPECT_EQ(co_await reader.read_line(), "first");
        EXPECT_EQ(co_await reader.read_line(), "second");
    });
}

TEST_F(UserStream, TakesItsTime) {
    context_.run([&]() -> task<> {
        rate_limiter near(std::move(pair_.first), 2);
        const auto begin = context_.io().now();
        co_await write(near, "hello");
        EXPECT_GE(context_.io().now() - begin, 30ms);
        EXPECT_LT(context_.io().now() - begin, 31ms);
    });
}

TEST_F(UserStream, StopsAtADeadline) {
    context_.run([&]() -> task<> {
        rate_limiter near(std::move(pair_.first), 2);
        auto [ec, n] = co_await as_tuple(timeout(write(near, "hello"), 25ms));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_EQ(n, 4u);
        byte_counter far(std::move(pair_.second));
        std::array<char, 4> buffer;
        EXPECT_EQ(co_await timeout(read(far, buffer), 1s), 4u);
        auto [late, none] = co_await as_tuple(timeout(read(far, buffer), 1s));
        EXPECT_EQ(late, error::timed_out);
        EXPECT_EQ(none, 0u);
    });
}

TEST_F(UserStream, MovesManyBytesBothWays) {
    const std::string bytes(100'000, 'b');
    context_.run([&]() -> task<> {
        byte_counter near(std::move(pair_.first));
        byte_counter far(std::move(pair_.second));
        std::string there(bytes.size(), '\0'), here(bytes.size(), '\0');
        co_await when_all(write(near, bytes), read(far, there), write(far, bytes), read(near, here));
        EXPECT_TRUE(there == bytes && here == bytes);
    });
}

/// Fails as its owner likes.
struct failing_stream {
    std::exception_ptr failure;

    task<std::size_t> recv(mutable_buffer) {
        std::rethrow_exception(failure);
        co_return 0;
    }
    task<std::size_t> send(const_buffer) {
        std::rethrow_exception(failure);
        co_return 0;
    }
};

TEST_F(UserStream, KeepsItsExceptions) {
    context_.run([&]() -> task<> {
        std::array<char, 1> buffer;
        failing_stream bug{std::make_exception_ptr(std::logic_error("a bug"))};
        EXPECT_THROW(co_await read(bug, buffer), std::logic_error);
        EXPECT_THROW(co_await write(bug, "x"), std::logic_error);
        buffered_reader reader(bug);
        EXPECT_THROW(static_cast<void>(co_await reader.read_line()), std::logic_error);
        // Such an exception is a bug, so no adapter converts it.
        EXPECT_THROW(static_cast<void>(co_await as_tuple(read(bug, buffer))), std::logic_error);
        EXPECT_THROW(static_cast<void>(co_await as_tuple(timeout(write(bug, "x"), 1s))), std::logic_error);
        EXPECT_THROW(static_cast<void>(co_await as_tuple(reader.read_line())), std::logic_error);
        EXPECT_THROW(static_cast<void>(co_await as_tuple(reader.recv(buffer))), std::logic_error);
        EXPECT_THROW(static_cast<void>(co_await as_tuple(read(reader, buffer))), std::logic_error);
        EXPECT_THROW(static_cast<void>(co_await when_any(read(bug, buffer), sleep_for(1s))),
                     std::logic_error);
        any_stream erased{failing_stream(bug)};
        EXPECT_THROW(static_cast<void>(co_await as_tuple(erased.recv(buffer))), std::logic_error);
        EXPECT_THROW(static_cast<void>(co_await as_tuple(write(erased, "x"))), std::logic_error);
        buffered_writer writer(bug);
        co_await writer.write("x");
        EXPECT_THROW(static_cast<void>(co_await as_tuple(writer.flush())), std::logic_error);

        const auto refused = std::make_error_code(std::errc::permission_denied);
        failing_stream stream{std::make_exception_ptr(std::system_error(refused, "my cipher"))};
        auto [ec, n] = co_await as_tuple(read(stream, buffer));
        EXPECT_EQ(ec, refused);
        try {
            co_await write(stream, "x");
            ADD_FAILURE() << "it did not throw";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(std::string(failure.what()).find("my cipher"), 0u) << failure.what();
        }
    });
}

/// Returns a count that is larger than the buffer.
struct boasting_stream {
    task<std::size_t> recv(mutable_buffer buffer) { co_return buffer.size() + 1; }
    task<std::size_t> send(const_buffer buffer) { co_return buffer.size() + 1; }
};

template <class F>
void run_with_boasting_stream(F&& use) {
    scripted_context context;
    boasting_stream stream;
    context.run([&]() -> task<> { co_await use(stream); });
}

TEST(UserStreamDeathTest, CountBeyondTheBufferAborts) {
    std::array<char, 4> small{};
    std::vector<char> large(1 << 20);
    const char* text = "returned more bytes than the size of the buffer";
    EXPECT_DEATH(run_with_boasting_stream([&](auto& of) -> task<> { co_await read(of, small); }), text);
    EXPECT_DEATH(run_with_boasting_stream([&](auto& of) -> task<> { co_await write(of, "x"); }), text);
    EXPECT_DEATH(run_with_boasting_stream([&](auto& of) -> task<> {
                     buffered_reader reader(of);
                     static_cast<void>(co_await reader.read_line());
                 }),
                 text);
    EXPECT_DEATH(run_with_boasting_stream([&](auto& of) -> task<> {
                     buffered_reader reader(of);
                     co_await reader.recv(large);  // directly into the caller's buffer
                 }),
                 text);
    EXPECT_DEATH(run_with_boasting_stream([&](auto& of) -> task<> {
                     buffered_writer writer(of);
                     co_await writer.write("x");
                     co_await writer.flush();
                 }),
                 text);
}

/// Sends nothing, but does not fail.
struct idle_stream {
    task<std::size_t> send(const_buffer) { co_return 0; }
};

/// Returns the text of the error::nothing_sent that `sending` throws.
template <class D>
task<std::string> nothing_sent_text(D sending) {
    try {
        co_await std::move(sending);
        ADD_FAILURE() << "it did not throw";
    } catch (const transfer_error& failure) {
        EXPECT_EQ(failure.code(), error::nothing_sent);
        co_return failure.what();
    }
    co_return "";
}

// write reported "Broken pipe", and named neither the class nor its mistake.
TEST_F(UserStream, NamesTheClassThatSendsNothing) {
    context_.run([&]() -> task<> {
        idle_stream stream;
        buffered_writer writer(stream);
        co_await writer.write("x");
        const std::string written = co_await nothing_sent_text(write(stream, "hello"));
        EXPECT_NE(written.find("idle_stream: send() of the stream returned 0"), std::string::npos) << written;
        EXPECT_EQ(written.find("write to "), 0u) << written;
        const std::string flushed = co_await nothing_sent_text(writer.flush());
        EXPECT_NE(flushed.find("idle_stream: send() of the stream returned 0"), std::string::npos) << flushed;
        EXPECT_EQ(flushed.find("flush to "), 0u) << flushed;
        const auto outcome = co_await as_tuple(write(stream, "hello"));
        EXPECT_EQ(outcome.error(), error::nothing_sent);
        EXPECT_THROW(outcome.value(), transfer_error);
    });
}

/// Throws before it returns a task.
struct closed_stream {
    memory_stream inner;
    int calls_left;

    task<std::size_t> send(const_buffer buffer) {
        if (calls_left-- == 0)
            throw std::logic_error("closed");
        return send_one(buffer);
    }
    task<std::size_t> send_one(const_buffer buffer) { co_return co_await inner.send(buffer.first(1)); }
};

TEST_F(UserStream, MayThrowBeforeItsTaskStarts) {
    context_.run([&]() -> task<> {
        closed_stream stream{std::move(pair_.first), 2};
        EXPECT_THROW(co_await write(stream, "hello"), std::logic_error);
    });
}

TEST_F(UserStream, StartsAfterTheInlineBudget) {
    context_.run([&]() -> task<> {
        buffered_writer writer(std::move(pair_.first));
        buffered_reader reader(byte_counter(std::move(pair_.second)));
        for (int i = 0; i < 70; ++i)
            co_await writer.write("x\n");
        co_await writer.write("body");
        co_await writer.flush();
        for (int i = 0; i < 70; ++i)
            EXPECT_EQ((co_await reader.read_line())->size(), 1u);
        const auto send_the_rest = [&]() -> task<> {
            co_await writer.write("rest");
            co_await writer.flush();
        };
        auto sending = co_spawn(context_.io(), send_the_rest);
        std::array<char, 8> body;
        EXPECT_EQ(co_await read(reader, body), 8u);
        EXPECT_EQ(std::string(body.data(), 8), "bodyrest");
        co_await sending.join();
    });
}

TEST_F(UserStream, ErasedIsDestroyedWhileItWaits) {
    std::optional<buffered_reader<any_stream>> reader(std::in_place, any_stream(std::move(pair_.first)));
    std::optional<any_stream> plain(std::in_place, std::move(pair_.second));
    std::array<char, 1> byte;
    std::error_code line, bytes;
    const auto read_line = [&]() -> task<> { line = (co_await as_tuple(reader->read_line())).error(); };
    const auto receive = [&]() -> task<> { bytes = (co_await as_tuple(plain->recv(byte))).error(); };
    co_spawn(context_.io(), read_line, detached);
    co_spawn(context_.io(), receive, detached);
    context_.poll();
    reader.reset();
    plain.reset();
    context_.poll();
    EXPECT_EQ(line, error::operation_aborted);
    EXPECT_EQ(bytes, error::operation_aborted);
}

TEST_F(UserStream, IsDestroyedWhileItWaits) {
    byte_counter far(std::move(pair_.second));
    const auto wait = [&]() -> task<> {
        std::array<char, 1> buffer;
        co_await read(far, buffer);
    };
    co_spawn(context_.io(), wait, detached);
    context_.poll();
    context_.destroy();
}

// ---- any_stream -------------------------------------------------------------------------------------------

task<> echo_line(any_stream peer) {
    buffered_reader reader(std::move(peer));
    const auto line = co_await reader.read_line();
    co_await write(reader.stream(), *line, "\n");
}

TEST_F(UserStream, IsErased) {
    context_.run([&]() -> task<> {
        buffered_reader near(any_stream(xor_cipher(std::move(pair_.first), 'q')));
        auto echoing =
            co_spawn(context_.io(), echo_line(any_stream(xor_cipher(std::move(pair_.second), 'q'))));
        co_await write(near.stream(), "a line\n");
        EXPECT_EQ(co_await near.read_line(), "a line");
        co_await echoing.join();
    });
}

TEST_F(UserStream, ErasedRefusesASecondReader) {
    context_.run([&]() -> task<> {
        any_stream near(std::move(pair_.first));
        std::array<char, 1> one, two;
        const auto receive = [&]() -> task<std::size_t> { co_return co_await near.recv(one); };
        auto first = co_spawn(context_.io(), receive());
        co_await yield();
        auto [ec, n] = co_await as_tuple(near.recv(two));
        EXPECT_EQ(ec, error::operation_in_progress);
        co_await pair_.second.send("x");
        EXPECT_EQ(co_await first.join(), 1u);
    });
}

TEST_F(UserStream, ErasedGivesItsStream) {
    any_stream near(std::move(pair_.first));
    ASSERT_NE(near.target<memory_stream>(), nullptr);
    EXPECT_TRUE(near.target<memory_stream>()->is_open());
    EXPECT_EQ(near.target<byte_counter<memory_stream>>(), nullptr);
}

}  // namespace
}  // namespace coil::test
