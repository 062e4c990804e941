// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/tls/engine.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tls/authority.hpp"

namespace coil::test {
namespace {

using detail::tls_engine;
using state = tls_engine::state;

/// A client and a server whose ciphertext the test carries.
class TlsEngine : public testing::Test {
protected:
    static std::vector<std::byte> output_of(tls_engine& engine) {
        std::vector<std::byte> all;
        while (engine.unsent() > 0) {
            const const_buffer part = engine.output();
            const auto* begin = static_cast<const std::byte*>(part.data());
            all.insert(all.end(), begin, begin + part.size());
            engine.sent(part.size());
        }
        return all;
    }
    void deliver(tls_engine& to, std::vector<std::byte> bytes) {
        input_.push_back(std::move(bytes));
        to.give(input_.back());
    }
    static state write(tls_engine& engine, const std::string& text) {
        const const_buffer from(text);
        std::size_t n = 0;
        return engine.write({&from, 1}, 65536, n);
    }
    static std::string read(tls_engine& engine, state expected) {
        std::string text(1000, '\0');
        const mutable_buffer into(text);
        std::size_t n = 0;
        EXPECT_EQ(engine.read({&into, 1}, n), expected);
        text.resize(n);
        return text;
    }
    /// Returns the size of the first record.
    static std::size_t record_size(const std::vector<std::byte>& bytes) {
        return 5 + std::to_integer<std::size_t>(bytes[3]) * 256 + std::to_integer<std::size_t>(bytes[4]);
    }

    std::vector<std::vector<std::byte>> input_;
};

// A ticket may come in two records. OpenSSL cannot encrypt between them.
TEST_F(TlsEngine, WritesAfterTheRestOfAMessage) {
    // The ticket contains the client's certificate, so it is longer than the shortest maximum of a record.
    const authority issuer;
    tls::server_context::options of_server;
    of_server.clients = tls::client_certificates::required;
    of_server.trusted = tls::pem::text(issuer.certificate());
    const tls_contexts with(issuer, {.own = issuer.issue()}, of_server);
    for (const bool shuts_down: {false, true}) {
        tls_engine client(with.client.state(), tls_engine::role::client, "example.org", true);
        tls_engine server(with.server.state(), tls_engine::role::server, "", true);
        EXPECT_EQ(client.handshake(), state::needs_input);
        deliver(server, output_of(client));
        EXPECT_EQ(server.handshake(), state::needs_input);
        deliver(client, output_of(server));
        EXPECT_EQ(client.handshake(), state::done);
        ASSERT_EQ(SSL_set_max_send_fragment(server.native_handle(), 512), 1);
        deliver(server, output_of(client));
        EXPECT_EQ(server.handshake(), state::done);
        const std::vector<std::byte> tickets = output_of(server);
        const auto half = static_cast<std::ptrdiff_t>(record_size(tickets));
        ASSERT_EQ(half, 512 + 22);

        deliver(client, {tickets.begin(), tickets.begin() + half});
        EXPECT_EQ(read(client, state::needs_input), "");
        if (shuts_down) {
            client.shut_down();
            EXPECT_EQ(client.unsent(), 0u);
        } else {
            EXPECT_EQ(write(client, "early"), state::needs_input);
        }
        deliver(client, {tickets.begin() + half, tickets.end()});
        EXPECT_EQ(read(client, state::needs_input), "");
        if (!shuts_down) {
            EXPECT_EQ(write(client, "late"), state::done);
        }
        deliver(server, output_of(client));
        EXPECT_EQ(read(server, shuts_down ? state::ended : state::needs_input), shuts_down ? "" : "late");
        EXPECT_FALSE(client.error() || server.error());
    }
}

}  // namespace
}  // namespace coil::test
