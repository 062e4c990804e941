// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Streams of TLS above a connection that the tests observe and break. The conformance of TLS streams as
// streams is tested in tests/algo.
#include <coil/tls.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <coil/algo/any_stream.hpp>
#include <coil/algo/buffered_reader.hpp>
#include <coil/algo/read.hpp>
#include <coil/algo/write.hpp>
#include <coil/coro/yield.hpp>
#include <coil/io/sleep.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/test/stream_pair.hpp>

#include "algo/every_stream.hpp"
#include "net/connected.hpp"
#include "support/allocations.hpp"
#include "support/scripted_context.hpp"
#include "tls/authority.hpp"
#include "tls/tls_over_lines.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;
// ---- records and buffers ----------------------------------------------------------------------------------

TEST_F(TlsStream, SmallBuffersShareARecord) {
    run([&](auto& client, auto& server) -> task<> {
        client_line_.sent.clear();
        client_line_.send_calls = 0;
        const std::array<const_buffer, 3> pieces{"head", "", "body"};
        EXPECT_EQ(co_await client.send(const_buffers(pieces)), 8u);
        EXPECT_EQ(client_line_.send_calls, 1u);
        EXPECT_LT(client_line_.sent.size(), 8u + 2 * 22) << "one record has 22 bytes besides its contents";
        std::string buffer(100, '\0');
        EXPECT_EQ(co_await server.recv(buffer), 8u);
        EXPECT_EQ(buffer.substr(0, 8), "headbody");
    });
}

TEST_F(TlsStream, TicketsComeWithTheFirstResponse) {
    run([&](auto& client, auto& server) -> task<> {
        const std::size_t before = server_line_.send_calls;
        auto answering = co_spawn(context_.io(), [&]() -> task<> {
            std::array<char, 5> buffer;
            co_await read(server, buffer);
            co_await write(server, buffer);
        });
        co_await yield_times(20);
        EXPECT_EQ(server_line_.send_calls, before);
        co_await write(client, "hello");
        std::array<char, 5> buffer;
        co_await read(client, buffer);
        co_await answering.join();
        EXPECT_EQ(server_line_.send_calls, before + 1);
    });
}

TEST_F(TlsStream, ServerThatOnlyReceivesSendsItsTickets) {
    run([&](auto& client, auto& server) -> task<> {
        const std::size_t before = server_line_.send_calls;
        auto receiving = co_spawn(context_.io(), drain(server));
        co_await write(client, "hello");
        co_await yield_times(20);
        EXPECT_EQ(server_line_.send_calls, before + 1);
        co_await client.shutdown();
        EXPECT_EQ(co_await receiving.join(), "hello");
    });
}

TEST_F(TlsStream, ManyBuffersArriveInOrder) {
    run([&](auto& client, auto& server) -> task<> {
        const numbered_bytes bytes(1);
        std::vector<std::string> parts;
        std::size_t total = 0;
        for (const std::size_t size: {1u, 16383u, 2u, 16384u, 0u, 5u, 20000u, 3u}) {
            parts.push_back(bytes.part(total, size));
            total += size;
        }
        const std::vector<const_buffer> pieces(parts.begin(), parts.end());
        auto sending = co_spawn(context_.io(), [&]() -> task<> {
            EXPECT_EQ(co_await write(client, const_buffers(pieces)), total);
            co_await client.shutdown();
        });
        EXPECT_TRUE(bytes.match_at(0, co_await drain(server)));
        co_await sending.join();
    });
}

TEST_F(TlsStream, LargeWriteIsOneSend) {
    run([&](auto& client, auto& server) -> task<> {
        const std::string block(64 << 10, 'x');
        client_line_.send_calls = 0;
        EXPECT_EQ(co_await client.send(block), block.size());
        EXPECT_EQ(client_line_.send_calls, 1u);
        std::string received(block.size(), '\0');
        EXPECT_EQ(co_await read(server, received), block.size());
    });
}

TEST_F(TlsStream, RecvTakesAllRecordsThatAreThere) {
    for (const std::size_t size: {std::size_t{1}, std::size_t{1000}, std::size_t{16384}}) {
        run([&](auto& client, auto& server) -> task<> {
            const std::size_t total = size == 1 ? 4096 : 64 << 10;
            for (std::size_t sent = 0; sent < total; sent += size)
                co_await client.send(std::string(std::min(size, total - sent), 'x'));
            std::string buffer(total, '\0');
            server_line_.recv_calls = 0;
            std::size_t calls = 0;
            for (std::size_t n = 0; n < total; ++calls)
                n += co_await server.recv(mutable_buffer(buffer) + n);
            // Each recv() takes everything that one receive on the connection below has returned.
            EXPECT_EQ(calls, server_line_.recv_calls);
            EXPECT_LT(calls, total / size + 4);
            EXPECT_LE(calls, total * (size + 22) / size / (16 << 10) + 1);
        });
    }
}

// ---- the end of a stream ----------------------------------------------------------------------------------

TEST_F(TlsStream, ShutdownLeavesTheOtherDirectionOpen) {
    run([&](auto& client, auto& server) -> task<> {
        co_await client.shutdown();
        co_await client.shutdown();  // twice is fine
        auto [late, none] = co_await as_tuple(client.send("late"));
        EXPECT_EQ(late, error::broken_pipe);
        EXPECT_EQ(co_await drain(server), "");
        EXPECT_FALSE(server.was_truncated());
        co_await write(server, "the rest");
        co_await server.shutdown();
        EXPECT_EQ(co_await drain(client), "the rest");
    });
}

TEST_F(TlsStream, TruncationAtEveryByteIsReported) {
    for (const bool tolerates: {false, true}) {
        std::size_t last = 1;
        for (std::size_t cut = 0; cut < last; cut += 5) {
            run(
                [&](auto& client, auto& server) -> task<> {
                    co_await server.send("x");  // with the tickets
                    std::array<char, 1> byte;
                    co_await read(client, byte);
                    const std::size_t before = server_line_.sent.size();
                    for (const std::string_view each: {"first", "second", "third"})
                        co_await server.send(each);
                    last = server_line_.sent.size() - before;
                    client_line_.ends_after = client_line_.received + cut;
                    std::string received;
                    std::array<char, 20> buffer;
                    for (;;) {
                        auto [ec, n] = co_await as_tuple(client.recv(buffer));
                        EXPECT_EQ(ec, n > 0 || tolerates ? std::error_code() : tls::error::truncated);
                        if (n == 0)
                            break;
                        received.append(buffer.data(), n);
                    }
                    EXPECT_TRUE(client.was_truncated());
                    const std::string_view whole = "firstsecondthird";
                    EXPECT_TRUE(whole.starts_with(received)) << received;
                    EXPECT_EQ(received.size(), cut < 27 ? 0u : cut < 27 + 28 ? 5u : 11u) << cut;
                    client_line_.ends_after = line::never;
                    client_line_.received = 0;
                },
                usual_contexts(), {.tolerates_truncation = tolerates});
            client_line_.ends_after = line::never;
        }
        EXPECT_EQ(last, 27u + 28 + 27);
    }
}

TEST_F(TlsStream, ShutdownAndCloseAreBounded) {
    capacity_ = 4096;
    run([&](auto& client, auto& server) -> task<> {
        auto writer = co_spawn(context_.io(), keep_writing(client, std::string(100'000, 'x')));
        co_await yield_times(100);  // the connection is full
        const auto start = context_.io().now();
        auto [failure] = co_await as_tuple(client.shutdown(3s));
        EXPECT_EQ(failure, error::timed_out);
        EXPECT_LT(context_.io().now() - start, 3100ms);
        co_await client.close();  // ends the writer
        EXPECT_LT(context_.io().now() - start, 4100ms);
        EXPECT_FALSE(client.is_open());
        auto result = co_await as_tuple(writer.join());
        EXPECT_EQ(result.error(), error::operation_aborted);
        auto [ec, n] = co_await as_tuple(server.send("x"));
        EXPECT_TRUE(ec);
    });
}

TEST_F(TlsStream, CloseWaitsForThePeerOnlyForALimit) {
    for (const bool floods: {false, true}) {
        run([&](auto& client, auto& server) -> task<> {
            const auto start = context_.io().now();
            if (floods) {
                auto flood = co_spawn(context_.io(), keep_writing(server, std::string(10'000, 'x')));
                co_await timeout(client.close(0s), 1s);
                auto result = co_await as_tuple(flood.join());
                EXPECT_TRUE(result.error() == error::broken_pipe ||
                            result.error() == error::connection_reset);
            } else {
                co_await client.close(5s);
                EXPECT_LT(context_.io().now() - start, 5100ms);
            }
        });
        run([&](auto& client, auto& server) -> task<> {
            const auto start = context_.io().now();
            auto closing = co_spawn(context_.io(), [&]() -> task<> { co_await client.close(5s); });
            EXPECT_EQ(co_await drain(server), "");
            co_await server.close();
            co_await closing.join();
            EXPECT_LT(context_.io().now() - start, 10ms);
        });
    }
}

TEST_F(TlsStream, ClosesWhileBothSidesHaveBytesLeft) {
    capacity_ = 4096;
    run([&](auto& client, auto& server) -> task<> {
        auto one = co_spawn(context_.io(), keep_writing(client, std::string(64 << 10, 'x')));
        auto two = co_spawn(context_.io(), keep_writing(server, std::string(64 << 10, 'x')));
        co_await yield_times(50);
        const auto start = context_.io().now();
        const auto close = [](stream_over_line& of) -> task<> { co_await of.close(5s); };
        co_await when_all(close(client), close(server), close(client));
        EXPECT_LT(context_.io().now() - start, 100ms);
        const auto first = co_await as_tuple(one.join());
        EXPECT_TRUE(first.error());
        const auto second = co_await as_tuple(two.join());
        EXPECT_TRUE(second.error());
        EXPECT_FALSE(client.is_open() || server.is_open());
    });
}

TEST_F(TlsStream, SendsNothingAfterCloseNotify) {
    run(
        [&](auto& client, auto& server) -> task<> {
            co_await client.shutdown();
            const std::size_t size = client_line_.sent.size();
            EXPECT_EQ(client_line_.sent[size - 31], '\x15') << "the last record is an alert";
            co_await write(server, "data");
            co_await server.shutdown();
            EXPECT_EQ(co_await drain(client), "data");
            co_await client.close(1s);
            EXPECT_EQ(client_line_.sent.size(), size);
        },
        with_tls_1_2());
}

TEST_F(TlsStream, BrokenConnectionGetsNoGoodbye) {
    run([&](auto& client, auto& server) -> task<> {
        server_line_.sent.clear();
        server.next_layer().reset();
        std::array<char, 10> buffer;
        auto [ec, n] = co_await as_tuple(client.recv(buffer));
        EXPECT_EQ(ec, error::connection_reset);
        const std::size_t before = client_line_.sent.size();
        co_await client.close(1s);
        EXPECT_EQ(client_line_.sent.size(), before);
    });
}

TEST_F(TlsStream, WrongBytesAreAProtocolError) {
    run([&](auto& client, auto& server) -> task<> {
        stream_pair pair;
        const std::string garbage(100, 'g');
        // The server's connection is replaced by one that sends garbage.
        co_await server.next_layer().send(garbage);
        std::array<char, 10> buffer;
        std::string text;
        try {
            co_await client.recv(buffer);
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), tls::error::protocol_error) << failure.what();
            text = failure.what();
        }
        EXPECT_NE(text.find("example.org"), std::string::npos) << text;
        EXPECT_NE(text.find("version number"), std::string::npos) << text;
        auto [ec, n] = co_await as_tuple(client.send("x"));
        EXPECT_EQ(ec, tls::error::protocol_error) << "a broken connection stays broken";
    });
}

// ---- both directions --------------------------------------------------------------------------------------

TEST_F(TlsStream, BothSidesWriteWhileTheyRead) {
    capacity_ = 65536;
    run([&](auto& client, auto& server) -> task<> {
        const std::size_t size = 4 << 20;
        const auto talk = [&](stream_over_line& end, std::uint64_t own, std::uint64_t other) -> task<> {
            const std::string bytes = numbered_bytes(own).part(0, size);
            auto writing = co_spawn(context_.io(), [&]() -> task<> {
                co_await write(end, bytes);
                co_await end.shutdown();
            });
            const std::string received = co_await drain(end);
            EXPECT_EQ(received.size(), size);
            EXPECT_TRUE(numbered_bytes(other).match_at(0, received));
            co_await writing.join();
        };
        co_await when_all(talk(client, 1, 2), talk(server, 2, 1));
    });
}

TEST_F(TlsStream, AnswersAKeyUpdateWhileAWriterWaits) {
    capacity_ = 10'000;
    run([&](auto& client, auto& server) -> task<> {
        const numbered_bytes bytes(3);
        const std::size_t size = 200'000;
        auto writer = co_spawn(context_.io(), [&]() -> task<> {
            co_await write(client, bytes.part(0, size));
            co_await client.shutdown();
        });
        co_await yield_times(100);
        EXPECT_FALSE(writer.done());
        std::array<char, 5> buffer;
        for (const bool asks: {true, false, true}) {
            update_keys(server, asks);
            co_await write(server, "hello");
            EXPECT_EQ(co_await read(client, buffer), 5u);
            EXPECT_FALSE(writer.done()) << "the reader does not wait for the writer";
        }
        const std::string received = co_await drain(server);
        EXPECT_EQ(received.size(), size);
        EXPECT_TRUE(bytes.match_at(0, received));
        co_await writer.join();
    });
}

// A peer that asks for KeyUpdates, and does not read the answers, does not fill this side's memory.
TEST_F(TlsStream, StormOfKeyUpdatesIsBounded) {
    capacity_ = 4096;
    run([&](auto& client, auto& server) -> task<> {
        auto reader = co_spawn(context_.io(), drain(client));
        auto storm = co_spawn(context_.io(), [&]() -> task<> {
            for (int i = 0; i < 1000; ++i) {
                update_keys(server, true);
                co_await write(server, "x");
            }
            co_await server.shutdown();
        });
        co_await yield_times(20'000);
        EXPECT_FALSE(storm.done()) << "the client waits until the server reads";
        EXPECT_LT(client_line_.sent.size(), 10'000u);
        auto answers = co_spawn(context_.io(), drain(server));
        co_await storm.join();
        const std::string received = co_await reader.join();
        EXPECT_EQ(received.size(), 1000u);
        co_await client.shutdown();
        EXPECT_EQ(co_await answers.join(), "");
    });
}

TEST_F(TlsStream, StoppedTaskNeitherSendsNorReceives) {
    run([&](auto& client, auto& server) -> task<> {
        co_await write(server, "hello");
        const std::size_t before = client_line_.sent.size();
        auto stopped = co_spawn(context_.io(), [&]() -> task<> {
            static_cast<void>(co_await as_tuple(sleep_for(1h)));
            std::array<char, 10> buffer;
            auto [recv_error, received] = co_await as_tuple(client.recv(buffer));
            EXPECT_EQ(recv_error, error::operation_aborted);
            auto [send_error, sent] = co_await as_tuple(client.send("x"));
            EXPECT_EQ(send_error, error::operation_aborted);
            auto [close_error] = co_await as_tuple(client.close());
            EXPECT_EQ(close_error, error::operation_aborted);
        });
        co_await yield();
        stopped.request_stop();
        co_await stopped.join();
        EXPECT_EQ(client_line_.sent.size(), before);
        auto [ec, text] = co_await as_tuple(drain(server));
        EXPECT_EQ(ec, tls::error::truncated) << "the stream below is closed";
    });
}

// The cancel comes when a record, or a part of one, has arrived. The recv ends in any case, and either it or
// the next one returns the bytes.
TEST_F(TlsStream, CancelledRecvEndsAndLosesNoByte) {
    constexpr std::size_t record_size = 26;
    for (const std::size_t part: {std::size_t{3}, record_size - 1, record_size})
        run([&](auto& client, auto& server) -> task<> {
            client_line_.stalls_after = client_line_.received + part;
            client_line_.after_recv = [&] { client.cancel(); };
            std::string buffer(10, '\0');
            std::error_code first;
            auto reader = co_spawn(context_.io(),
                                   [&]() -> task<> { co_await redirect_error(client.recv(buffer), first); });
            co_await yield_times(20);
            co_await write(server, "data");
            co_await yield_times(20);
            CO_ASSERT_TRUE(reader.done()) << part;
            client_line_.stalls_after = line::never;
            if (first) {
                EXPECT_EQ(first, error::operation_aborted);
                EXPECT_EQ(co_await client.recv(buffer), 4u) << part;
            }
            EXPECT_EQ(buffer.substr(0, 4), "data");
        });
}

TEST_F(TlsStream, CancelledSendIsCompletedByAReader) {
    capacity_ = 3000;
    run([&](auto& client, auto& server) -> task<> {
        auto reader = co_spawn(context_.io(), [&]() -> task<> { EXPECT_EQ(co_await drain(client), ""); });
        co_await yield_times(50);
        auto [ec, n] = co_await as_tuple(timeout(client.send(std::string(20'000, 'x')), 1s));
        EXPECT_FALSE(ec);
        EXPECT_EQ(n, 20'000u) << "all bytes are encrypted";
        std::string received(n, '\0');
        EXPECT_EQ(co_await read(server, received), n);
        co_await server.shutdown();
        co_await reader.join();
    });
}

// The answer to a KeyUpdate is queued while a writer sends. When the writer ends, the reader sends it.
TEST_F(TlsStream, ReaderSendsWhatAWriterHasNotSent) {
    capacity_ = 3000;
    run([&](auto& client, auto& server) -> task<> {
        auto reader = co_spawn(context_.io(), drain(client));
        auto writer =
            co_spawn(context_.io(), [&]() -> task<> { co_await write(client, std::string(20'000, 'x')); });
        co_await yield_times(100);
        for (int i = 0; i < 3; ++i) {
            update_keys(server, true);
            co_await write(server, "x");
            co_await yield_times(50);
        }
        std::string received(20'000, '\0');
        EXPECT_EQ(co_await read(server, received), received.size());
        co_await writer.join();
        const std::size_t before = server_line_.received;
        auto draining = co_spawn(context_.io(), drain(server));
        co_await yield_times(100);
        EXPECT_GT(server_line_.received, before) << "the answers have arrived without a further operation";
        co_await server.shutdown();
        co_await reader.join();
        co_await client.close();
        co_await draining.join();
    });
}

TEST_F(TlsStream, ShortRecordsKeepTheirOrder) {
    for (const auto& with: {&usual_contexts(), &with_tls_1_2()}) {
        context_.run([&]() -> task<> {
            made both;
            stream_pair pair(stream_pair::options{.capacity = 1 << 20});
            // The client asks for records of at most 512 bytes (RFC 6066).
            SSL_CTX_set_tlsext_max_fragment_length(with->client.native_handle(),
                                                   TLSEXT_max_fragment_length_512);
            co_await when_all(
                note(both.client, both.client_error,
                     tls::connect(filtered_stream(std::move(pair.first), client_line_), with->client,
                                  "example.org")),
                note(both.server, both.server_error,
                     tls::accept(filtered_stream(std::move(pair.second), server_line_), with->server)));
            SSL_CTX_set_tlsext_max_fragment_length(with->client.native_handle(),
                                                   TLSEXT_max_fragment_length_DISABLED);
            CO_ASSERT_TRUE(both.client && both.server) << both.client_error << both.server_error;
            const numbered_bytes bytes(4);
            const std::string all = bytes.part(0, 100'000);
            const std::array<const_buffer, 3> pieces{const_buffer(all).first(1000),
                                                     (const_buffer(all) + 1000).first(50'000),
                                                     const_buffer(all) + 51'000};
            auto sending = co_spawn(context_.io(), [&]() -> task<> {
                co_await write(*both.server, const_buffers(pieces));
                co_await both.server->shutdown();
            });
            const std::string received = co_await drain(*both.client);
            EXPECT_EQ(received.size(), all.size());
            EXPECT_TRUE(bytes.match_at(0, received));
            co_await sending.join();
        });
    }
}

// ---- streams below that break their promises --------------------------------------------------------------

TEST_F(TlsStream, SendBelowThatSendsNothingFails) {
    run([&](auto& client, auto& server) -> task<> {
        client_line_.false_send = 0;
        auto [ec, n] = co_await as_tuple(client.send("x"));
        EXPECT_EQ(ec, error::nothing_sent);
        auto [shutdown_error] = co_await as_tuple(client.shutdown());
        EXPECT_EQ(shutdown_error, error::nothing_sent);
        client_line_.false_send.reset();
        co_await client.close();
        EXPECT_FALSE(server.was_truncated());
    });
}

// The count of a failure below is of ciphertext, and says nothing about the plaintext.
TEST_F(TlsStream, FailureBelowCountsNoPlaintext) {
    run([&](auto& client, auto&) -> task<> {
        client_line_.failing_send = 20;
        auto [ec, n] = co_await as_tuple(write(client, "x"));
        EXPECT_EQ(ec, error::broken_pipe);
        EXPECT_EQ(n, 0u);
    });
}

TEST_F(TlsStream, CancelBelowEndsTheReader) {
    run([&](auto& client, auto& server) -> task<> {
        auto reader = co_spawn(context_.io(), [&]() -> task<> {
            std::array<char, 10> buffer;
            auto [ec, n] = co_await as_tuple(client.recv(buffer));
            EXPECT_EQ(ec, error::operation_aborted);
        });
        co_await yield_times(20);
        client.next_layer().cancel();
        co_await reader.join();
        co_await write(server, "on");
        std::array<char, 2> buffer;
        EXPECT_EQ(co_await read(client, buffer), 2u);
    });
}

using TlsStreamDeathTest = TlsStream;

TEST_F(TlsStreamDeathTest, CountBelowBeyondTheBufferAborts) {
    const auto send = [&](auto& client, auto&) -> task<> {
        client_line_.false_send = 1000;
        co_await client.send("x");
    };
    EXPECT_DEATH(run(send), "returned more bytes than the size");
    const auto recv = [&](auto& client, auto& server) -> task<> {
        client_line_.false_recv = 20'000;
        co_await write(server, "x");
        std::array<char, 1> byte;
        co_await client.recv(byte);
    };
    EXPECT_DEATH(run(recv), "returned more bytes than the size");
}

// ---- readiness --------------------------------------------------------------------------------------------

TEST_F(TlsStream, WaitBoundsTheAnswers) {
    capacity_ = 4096;
    run([&](auto& client, auto& server) -> task<> {
        auto waiter = co_spawn(context_.io(), [&]() -> task<> {
            auto result = co_await as_tuple(client.wait(socket_base::wait_read));
            EXPECT_EQ(result.error(), error::operation_aborted);
        });
        auto storm = co_spawn(context_.io(), [&]() -> task<> {
            for (int i = 0; i < 1000; ++i) {
                update_keys(server, true);
                SSL_do_handshake(server.native_handle());
                co_await server.wait(socket_base::wait_write);
            }
        });
        co_await yield_times(20'000);
        EXPECT_FALSE(storm.done());
        storm.request_stop();
        client.cancel();
        co_await waiter.join();
        static_cast<void>(co_await as_tuple(storm.join()));
    });
}

TEST_F(TlsStream, WaitsForPlaintext) {
    run([&](auto& client, auto& server) -> task<> {
        // A KeyUpdate makes the connection readable, but not the stream.
        update_keys(server, false);
        EXPECT_EQ(SSL_do_handshake(server.native_handle()), 1);
        auto [ec, kinds] = co_await as_tuple(timeout(client.wait(socket_base::wait_read), 1s));
        EXPECT_EQ(ec, error::timed_out);
        co_await write(server, "hello");
        EXPECT_EQ(co_await client.wait(socket_base::wait_read), socket_base::wait_read);
        std::array<char, 2> buffer;
        EXPECT_EQ(co_await client.recv(buffer), 2u);
        // The other bytes are decrypted already, so the connection is not readable any more.
        EXPECT_EQ(co_await client.wait(socket_base::wait_read), socket_base::wait_read);
        EXPECT_EQ(co_await client.wait(socket_base::wait_write), socket_base::wait_write);
        auto both = co_await as_tuple(client.wait(socket_base::wait_read | socket_base::wait_write));
        EXPECT_EQ(both.error(), std::errc::operation_not_supported);
        co_await server.shutdown();
        std::array<char, 3> rest;
        EXPECT_EQ(co_await client.recv(rest), 3u);
        EXPECT_EQ(co_await client.wait(socket_base::wait_read), socket_base::wait_read);
        EXPECT_EQ(co_await client.recv(rest), 0u);
    });
}

// ---- the handshake is bounded -----------------------------------------------------------------------------

TEST_F(TlsStream, HandshakeThatStallsAtAnyByteEnds) {
    for (const bool client_stalls: {true, false}) {
        bool completes = false;
        for (std::size_t at = 0; !completes && at < 5000; at += 41) {
            line& stalled = client_stalls ? client_line_ : server_line_;
            client_line_.received = server_line_.received = 0;
            stalled.stalls_after = at;
            context_.run([&]() -> task<> {
                made both;
                const auto start = context_.io().now();
                co_await establish(both, usual_contexts(), {.handshake_limit = 700ms});
                completes = both.client && both.server;
                if (client_stalls && !completes) {
                    EXPECT_EQ(both.client_error, error::timed_out) << at;
                    EXPECT_TRUE(both.server_error) << "the server sees that the client has gone " << at;
                }
                EXPECT_LT(context_.io().now() - start, 710ms);
            });
            stalled.stalls_after = line::never;
        }
        EXPECT_TRUE(completes);
    }
}

TEST_F(TlsStream, HandshakeThatIsCutAtAnyByteFails) {
    bool completes = false;
    for (std::size_t at = 0; !completes && at < 5000; at += 41) {
        client_line_.received = server_line_.received = 0;
        client_line_.ends_after = at;
        context_.run([&]() -> task<> {
            made both;
            co_await establish(both, usual_contexts());
            completes = both.client && both.server;
            if (!completes) {
                EXPECT_EQ(both.client_error, tls::error::handshake_failed) << at;
                EXPECT_TRUE(both.server_error == tls::error::handshake_failed ||
                            both.server_error == error::broken_pipe)
                    << both.server_error << " " << at;
            }
        });
    }
    EXPECT_TRUE(completes);
}

TEST_F(TlsStream, HandshakeSurvivesHostileBytes) {
    std::minstd_rand random(7);
    for (int round = 0; round < 300; ++round) {
        context_.run([&]() -> task<> {
            stream_pair pair;
            std::string bytes(random() % 600 + 1, '\0');
            for (char& each: bytes)
                each = static_cast<char>(random());
            if (round % 2 == 0 && bytes.size() > 5)  // the header of a handshake record
                bytes.replace(0, 5, {'\x16', '\x03', '\x01', static_cast<char>(random() % 80), '\x10'});
            co_await write(pair.second, bytes);
            pair.second.shutdown(socket_base::shutdown_send);
            std::error_code failure;
            if (round % 3 == 0) {
                auto result = co_await as_tuple(
                    tls::connect(std::move(pair.first), usual_contexts().client, "example.org"));
                failure = result.error();
            } else {
                auto result = co_await as_tuple(tls::accept(std::move(pair.first), usual_contexts().server));
                failure = result.error();
            }
            EXPECT_EQ(failure, tls::error::handshake_failed) << round;
        });
    }
}

// ---- moves, layers and mistakes ---------------------------------------------------------------------------

TEST_F(TlsStream, WorksAboveATlsStream) {
    run([&](auto& client, auto& server) -> task<> {
        using outer = tls::stream<stream_over_line>;
        outer from, to;
        const auto assign = [](outer& into, task<outer> made) -> task<> { into = co_await std::move(made); };
        co_await when_all(
            assign(from, tls::connect(std::move(client), usual_contexts().client, "example.org")),
            assign(to, tls::accept(std::move(server), usual_contexts().server)));
        any_stream any(std::move(from));
        co_await write(any, "a line\n");
        buffered_reader reader(to);
        EXPECT_EQ(co_await reader.read_line(), "a line");
        co_await to.close();
    });
}

TEST(TlsStreamOnSockets, MayOutliveItsContext) {
    const authority issuer;
    const tls_contexts with(issuer);
    tls::stream<tcp::socket> client, server;
    const auto assign = [](tls::stream<tcp::socket>& into, task<tls::stream<tcp::socket>> made) -> task<> {
        into = co_await std::move(made);
    };
    {
        real_context context;
        context.run([&]() -> task<> {
            auto [near, far] = co_await connect_ends(context.io());
            co_await when_all(assign(client, tls::connect(std::move(near), with.client, "example.org")),
                              assign(server, tls::accept(std::move(far), with.server)));
            co_await write(server, "first");
            co_await write(server, "second");
            std::array<char, 1> byte;
            EXPECT_EQ(co_await client.recv(byte), 1u);  // the other bytes stay in the stream
            const auto peer = client.remote_endpoint();
            EXPECT_EQ(peer, server.local_endpoint());
        });
    }
    EXPECT_TRUE(client.is_open());
}

// The client's first bytes arrive together with the end of its handshake.
TEST(TlsStreamOnSockets, AcceptedMayOutliveItsContext) {
    tls::stream<tcp::socket> server;
    {
        real_context context;
        context.run([&]() -> task<> {
            auto [near, far] = co_await connect_ends(context.io());
            const auto talk = [](tcp::socket below) -> task<> {
                auto client = co_await tls::connect(std::move(below), usual_contexts().client, "example.org");
                co_await write(client, "early");
                co_await write(client, "bytes");
            };
            const auto listen = [&](tcp::socket below) -> task<> {
                server = co_await tls::accept(std::move(below), usual_contexts().server);
            };
            co_await when_all(talk(std::move(near)), listen(std::move(far)));
        });
    }
    EXPECT_TRUE(server.is_open());
}

TEST_F(TlsStream, DestructionEndsPendingOperations) {
    run([&](auto& client, auto& server) -> task<> {
        auto reader = co_spawn(context_.io(), [&]() -> task<> {
            std::array<char, 10> buffer;
            auto [ec, n] = co_await as_tuple(client.recv(buffer));
            EXPECT_EQ(ec, error::operation_aborted);
        });
        co_await yield();
        client = stream_over_line();
        co_await reader.join();
        auto [ec, text] = co_await as_tuple(drain(server));
        EXPECT_EQ(ec, tls::error::truncated);
    });
}

TEST_F(TlsStreamDeathTest, EmptyStreamSaysSo) {
    const stream_over_line empty;
    EXPECT_FALSE(empty.is_open());
    EXPECT_DEATH(static_cast<void>(empty.alpn()), "tls::stream: the stream is empty or was moved from");
}

}  // namespace
}  // namespace coil::test
