// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Operations of one TLS stream that meet: a cancel, a close or a shutdown in an unusual moment, messages of
// which only a part has arrived, and failures of the stream below.
#include <coil/tls.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <coil/algo/read.hpp>
#include <coil/algo/write.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/yield.hpp>
#include <coil/io/sleep.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/sync/when_any.hpp>
#include <coil/test/stream_pair.hpp>

#include "algo/every_stream.hpp"
#include "net/connected.hpp"
#include "tls/authority.hpp"
#include "tls/tls_over_lines.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

/// Contexts with tickets so large that each takes several records.
const tls_contexts& with_long_tickets() {
    static const tls_contexts made = [] {
        certificate_request long_names;
        long_names.names = "DNS:example.org";
        for (int i = 0; i < 30; ++i)
            long_names.names += ",DNS:a-long-name-" + std::to_string(i) + ".example.org";
        tls::client_context::options of_client;
        of_client.own = trusted_authority().issue(long_names);
        tls::server_context::options of_server;
        of_server.clients = tls::client_certificates::required;
        of_server.trusted = tls::pem::text(trusted_authority().certificate());
        tls_contexts all(trusted_authority(), of_client, of_server);
        SSL_CTX_set_max_send_fragment(all.server.native_handle(), 512);
        return all;
    }();
    return made;
}

/// Returns the size of the record that begins at this place.
std::size_t record_size(const std::string& ciphertext, std::size_t at) {
    const auto high = static_cast<unsigned char>(ciphertext.at(at + 3));
    const auto low = static_cast<unsigned char>(ciphertext.at(at + 4));
    return 5 + std::size_t{256} * high + low;
}

class TlsInterplay : public TlsStream {
protected:
    /// The server sends its tickets and "hello". The client receives only the first record of the tickets.
    task<> receive_half_a_ticket(stream_over_line& client, stream_over_line& server) {
        const std::size_t before = server_line_.sent.size();
        co_await server.send("hello");
        client_line_.stalls_after = client_line_.received + record_size(server_line_.sent, before);
        std::array<char, 10> buffer;
        auto [ec, n] = co_await as_tuple(timeout(client.recv(buffer), 1s));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_TRUE(SSL_in_init(client.native_handle())) << "OpenSSL waits for the rest of the ticket";
    }
    void let_the_rest_arrive() {
        client_line_.stalls_after = line::never;
        client_line_.stalled.set();
    }
};

// ---- operations that have begun, but whose tasks have not started -----------------------------------------

TEST_F(TlsInterplay, CancelEndsAnOperationOfARace) {
    run([&](auto& client, auto&) -> task<> {
        bool has_ended = false;
        auto racer = co_spawn(context_.io(), [&]() -> task<> {
            std::array<char, 10> buffer;
            auto first = co_await when_any(client.recv(buffer), sleep_for(1h));
            EXPECT_EQ(first.index(), 0u);
            EXPECT_EQ(first.template get<0>().error(), error::operation_aborted);
            has_ended = true;
        });
        co_await yield();  // the race has begun
        client.cancel();
        co_await yield_times(20);
        EXPECT_TRUE(has_ended);
        co_await racer.join();
    });
}

TEST_F(TlsInterplay, DestructionEndsAnOperationOfARace) {
    run([&](auto& client, auto& server) -> task<> {
        auto racer = co_spawn(context_.io(), [&]() -> task<> {
            std::array<char, 10> buffer;
            auto first = co_await when_any(client.recv(buffer), sleep_for(1h));
            EXPECT_EQ(first.index(), 0u);
        });
        co_await yield();
        client = stream_over_line();
        auto [ec, text] = co_await as_tuple(timeout(drain(server), 1s));
        EXPECT_EQ(ec, tls::error::truncated);
        co_await racer.join();
    });
}

TEST_F(TlsInterplay, CancelEndsAllOperationsOfAGroup) {
    capacity_ = 3000;
    run([&](auto& client, auto&) -> task<> {
        const std::string much(20'000, 'x');
        bool has_ended = false;
        auto both = co_spawn(context_.io(), [&]() -> task<> {
            std::array<char, 10> buffer;
            auto result = co_await as_tuple(when_all(write(client, much), client.recv(buffer)));
            EXPECT_EQ(result.error(), error::operation_aborted);
            has_ended = true;
        });
        co_await yield();
        client.cancel();
        co_await yield_times(50);
        EXPECT_TRUE(has_ended);
        co_await both.join();
    });
}

// ---- a part of a message ----------------------------------------------------------------------------------

TEST_F(TlsInterplay, SendFailsIfTheInputEndsInAMessage) {
    run(
        [&](auto& client, auto& server) -> task<> {
            co_await receive_half_a_ticket(client, server);
            client_line_.ends_after = client_line_.received;
            client_line_.stalls_after = line::never;
            const std::size_t before = client_line_.recv_calls;
            auto [ec, n] = co_await as_tuple(timeout(client.send("x"), 1s));
            EXPECT_EQ(ec, tls::error::truncated);
            EXPECT_LT(client_line_.recv_calls, before + 5) << "the send must not spin";
            auto [shut] = co_await as_tuple(client.shutdown(1s));
            EXPECT_EQ(shut, tls::error::truncated);
        },
        with_long_tickets());
}

// A sender receives the rest of the message. A reader that comes meanwhile takes over.
TEST_F(TlsInterplay, ReaderTakesOverFromASender) {
    run(
        [&](auto& client, auto& server) -> task<> {
            co_await receive_half_a_ticket(client, server);
            auto sender =
                co_spawn(context_.io(), [&]() -> task<> { EXPECT_EQ(co_await client.send("x"), 1u); });
            co_await yield_times(20);
            auto reader = co_spawn(context_.io(), [&]() -> task<> {
                std::string buffer(10, '\0');
                EXPECT_EQ(co_await client.recv(buffer), 5u);
                EXPECT_EQ(buffer.substr(0, 5), "hello");
            });
            co_await yield_times(20);
            EXPECT_FALSE(sender.done());
            EXPECT_FALSE(reader.done());
            let_the_rest_arrive();
            co_await sender.join();
            co_await reader.join();
        },
        with_long_tickets());
}

TEST_F(TlsInterplay, CancelAndCloseEndASenderThatReceives) {
    for (const bool closes: {false, true})
        run(
            [&](auto& client, auto& server) -> task<> {
                co_await receive_half_a_ticket(client, server);
                std::error_code sent, received;
                auto sender = co_spawn(context_.io(),
                                       [&]() -> task<> { co_await redirect_error(client.send("x"), sent); });
                co_await yield_times(20);
                std::array<char, 10> buffer;
                auto reader = co_spawn(context_.io(), [&]() -> task<> {
                    co_await redirect_error(client.recv(buffer), received);
                });
                co_await yield_times(20);
                if (closes)
                    co_await client.close(0s);
                else
                    client.cancel();
                co_await sender.join();
                co_await reader.join();
                EXPECT_EQ(sent, error::operation_aborted);
                EXPECT_EQ(received, error::operation_aborted);
                let_the_rest_arrive();
                client_line_.stalled.reset();
            },
            with_long_tickets());
}

TEST_F(TlsInterplay, ShutdownWaitsForTheRestOfAMessage) {
    run(
        [&](auto& client, auto& server) -> task<> {
            co_await receive_half_a_ticket(client, server);
            auto [ec] = co_await as_tuple(client.shutdown(1s));
            EXPECT_EQ(ec, error::timed_out) << "close_notify cannot be sent in the middle of a message";
            let_the_rest_arrive();
            co_await client.shutdown(1s);
            EXPECT_EQ(co_await drain(server), "");
            std::array<char, 10> buffer;
            EXPECT_EQ(co_await client.recv(buffer), 5u);
        },
        with_long_tickets());
}

TEST_F(TlsInterplay, ShutdownSendsAKeyUpdateFirst) {
    run([&](auto& client, auto& server) -> task<> {
        update_keys(client, false);
        co_await client.shutdown();
        auto [ec, text] = co_await as_tuple(timeout(drain(server), 1s));
        EXPECT_FALSE(ec) << ec.message();
    });
}

/// A client above a socket. Its server's bytes pass through the test, which can hold them back.
struct relayed {
    task<> establish(real_context& context) {
        auto [near, far] = co_await connect_ends(context.io());
        wire = std::move(far);
        stream_pair pair;
        tap = std::move(pair.first);
        const auto to_server = [](tcp::socket& from, memory_stream& to) -> task<> {
            co_await copy(from, to);
        };
        const auto to_client = [](memory_stream& from, tcp::socket& to) -> task<> {
            co_await copy(from, to);
        };
        auto up = co_spawn(context.io(), to_server, std::ref(wire), std::ref(tap));
        auto down = co_spawn(context.io(), to_client, std::ref(tap), std::ref(wire));
        const auto connect = [this](tcp::socket below) -> task<> {
            client = co_await tls::connect(std::move(below), with_long_tickets().client, "example.org");
        };
        const auto accept = [this](memory_stream below) -> task<> {
            server = co_await tls::accept(std::move(below), with_long_tickets().server);
        };
        co_await when_all(connect(std::move(near)), accept(std::move(pair.second)));
        down.request_stop();
        static_cast<void>(co_await as_tuple(down.join()));
        up.request_stop();
        static_cast<void>(co_await as_tuple(up.join()));
    }
    template <class From, class To>
    static task<> copy(From& from, To& to) {
        std::vector<std::byte> buffer(20'000);
        while (const std::size_t n = co_await from.recv(buffer))
            co_await write(to, const_buffer(buffer).first(n));
    }

    tcp::socket wire;
    memory_stream tap;
    std::optional<tls::stream<tcp::socket>> client;
    std::optional<tls::stream<memory_stream>> server;
};

// The sender receives the rest of a ticket, and with it data that no reader wants yet.
TEST(TlsInterplayOnSockets, SenderKeepsNoBufferOfThePool) {
    relayed with;
    {
        real_context context;
        context.run([&]() -> task<> {
            co_await with.establish(context);
            co_await with.server->send("hello");
            co_await with.server->send("world");
            std::string all(20'000, '\0');
            all.resize(co_await with.tap.recv(all));
            const std::size_t first = record_size(all, 0);
            co_await write(with.wire, all.substr(0, first));
            std::array<char, 10> buffer;
            auto [ec, n] = co_await as_tuple(timeout(with.client->recv(buffer), 20ms));
            EXPECT_EQ(ec, error::timed_out);
            EXPECT_TRUE(SSL_in_init(with.client->native_handle()));
            auto sender =
                co_spawn(context.io(), [&]() -> task<> { EXPECT_EQ(co_await with.client->send("x"), 1u); });
            co_await yield_times(20);
            co_await write(with.wire, all.substr(first));
            co_await sender.join();
            with.wire = tcp::socket();
        });
    }
    EXPECT_TRUE(with.client->is_open()) << "the client may outlive its context";
}

// ---- failures of the stream below -------------------------------------------------------------------------

/// A stream that the test makes fail.
struct failing_stream {
    struct control {
        bool is_reset = false;  // the next send() or recv() fails, and then recv() returns 0, as on a socket
        bool throws_a_bug = false;  // send() throws an exception that is not an error
        // A stopped recv() still takes what arrives within a moment, even after close().
        bool ends_slowly = false;
        bool is_closed = false;
    };

    failing_stream(memory_stream below, control& by) : inner(std::move(below)), with(&by) {}

    task<std::size_t> recv(mutable_buffer buffer) {
        auto result = co_await as_tuple(inner.recv(buffer));
        if (result.error() == error::connection_reset) {
            if (std::exchange(with->is_reset, true))
                co_return 0;
        } else if (result.error() == error::operation_aborted && with->ends_slowly) {
            auto late = co_await as_tuple(shield(timeout(inner.recv(buffer), 20ms)));
            if (!late.error())
                co_return *late;
        }
        co_return std::move(result).value();
    }
    task<std::size_t> send(const_buffer buffer) {
        if (with->throws_a_bug)
            throw std::runtime_error("bug");
        auto result = co_await as_tuple(inner.send(buffer));
        if (result.error() == error::connection_reset)
            with->is_reset = true;
        co_return std::move(result).value();
    }
    detail::completed close() noexcept {
        with->is_closed = true;
        return with->ends_slowly ? detail::completed("close") : inner.close();
    }

    memory_stream inner;
    control* with;
};

class TlsAboveFailures : public testing::Test {
protected:
    template <class F>
    void run(F story, tls::connection_options how = {}) {
        context_.run([&]() -> task<> {
            stream_pair pair(stream_pair::options{3000});
            std::optional<tls::stream<failing_stream>> client;
            std::optional<tls::stream<memory_stream>> server;
            const auto connect = [&]() -> task<> {
                client = co_await tls::connect(failing_stream(std::move(pair.first), control_),
                                               usual_contexts().client, "example.org", how);
            };
            const auto accept = [&]() -> task<> {
                server = co_await tls::accept(std::move(pair.second), usual_contexts().server);
            };
            co_await when_all(connect(), accept());
            co_await story(*client, *server);
        });
    }

    scripted_context context_;
    failing_stream::control control_;
};

// The send that fails interrupts the reader, which has got the same failure or the end.
TEST_F(TlsAboveFailures, ResetIsNotTakenForTheEnd) {
    run(
        [&](auto& client, auto& server) -> task<> {
            auto reader = co_spawn(context_.io(), [&]() -> task<> {
                std::array<char, 10> buffer;
                auto [ec, n] = co_await as_tuple(client.recv(buffer));
                EXPECT_EQ(ec, error::connection_reset);
            });
            co_await yield_times(5);
            const std::string much(20'000, 'x');
            auto writer = co_spawn(context_.io(), [&]() -> task<> {
                auto [ec, n] = co_await as_tuple(client.send(much));
                EXPECT_TRUE(ec);
            });
            co_await yield_times(20);
            server.next_layer().reset();
            co_await reader.join();
            co_await writer.join();
        },
        {.tolerates_truncation = true});
}

TEST_F(TlsAboveFailures, CloseClosesAfterABugBelow) {
    run([&](auto& client, auto& server) -> task<> {
        control_.throws_a_bug = true;
        co_await server.shutdown();
        bool is_bug = false;
        try {
            co_await client.close(100ms);
        } catch (const std::runtime_error&) {
            is_bug = true;
        }
        EXPECT_TRUE(is_bug);
        EXPECT_TRUE(control_.is_closed);
        control_.throws_a_bug = false;
    });
}

// The receive below still has the buffer when close() returns.
TEST_F(TlsAboveFailures, CloseLeavesTheBufferOfAReceive) {
    run([&](auto& client, auto& server) -> task<> {
        control_.ends_slowly = true;
        auto reader = co_spawn(context_.io(), [&]() -> task<> {
            std::array<char, 10> buffer;
            auto [ec, n] = co_await as_tuple(client.recv(buffer));
            EXPECT_FALSE(ec) << ec.message();
            EXPECT_EQ(n, 5u) << "the receive below has taken the bytes";
        });
        co_await yield_times(5);
        auto closer = co_spawn(context_.io(), [&]() -> task<> {
            static_cast<void>(co_await as_tuple(sleep_for(1h)));
            static_cast<void>(co_await as_tuple(client.close()));  // of a stopped task
        });
        co_await yield();
        closer.request_stop();
        co_await closer.join();
        static_cast<void>(co_await as_tuple(write(server, "hello")));
        co_await reader.join();
    });
}

TEST_F(TlsInterplay, CloseOfTlsInTlsPassesItsLimit) {
    run([&](auto& client, auto& server) -> task<> {
        std::optional<tls::stream<stream_over_line>> inner_client, inner_server;
        const auto connect = [&]() -> task<> {
            inner_client = co_await tls::connect(std::move(client), usual_contexts().client, "example.org");
        };
        const auto accept = [&]() -> task<> {
            inner_server = co_await tls::accept(std::move(server), usual_contexts().server);
        };
        co_await when_all(connect(), accept());
        const auto before = context_.io().now();
        co_await inner_client->close(0s);
        EXPECT_LT(context_.io().now() - before, 10ms);
    });
}

// The peer has asked for more answers than may wait, and cannot receive any more.
TEST_F(TlsInterplay, BytesArriveIfAnswersCannotBeSent) {
    capacity_ = 2000;
    run([&](auto& client, auto& server) -> task<> {
        std::size_t written = 0;
        auto storm = co_spawn(context_.io(), [&]() -> task<> {
            for (;;) {
                update_keys(server, true);
                co_await write(server, "x");
                ++written;
            }
        });
        std::size_t received = 0;
        std::error_code end;
        auto reader = co_spawn(context_.io(), [&]() -> task<> {
            std::array<char, 100> buffer;
            while (!end)
                received += co_await redirect_error(client.recv(buffer), end);
        });
        co_await yield_times(5000);
        EXPECT_FALSE(reader.done());
        storm.request_stop();
        static_cast<void>(co_await as_tuple(storm.join()));
        client_line_.failing_send = 0;
        server.next_layer().cancel();
        server = stream_over_line();
        co_await reader.join();
        EXPECT_EQ(end, tls::error::truncated) << end.message();
        EXPECT_GE(received + 1, written) << "the last write may have been cancelled";
    });
}

}  // namespace
}  // namespace coil::test
