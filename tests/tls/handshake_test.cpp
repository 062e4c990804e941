// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/tls/stream.hpp>

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <coil/algo/read.hpp>
#include <coil/algo/write.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/test/stream_pair.hpp>

#include "support/real_context.hpp"
#include "tls/authority.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;
using tls_stream = tls::stream<memory_stream>;

/// A client and a server over an in-memory connection.
class TlsHandshake : public testing::Test {
protected:
    struct result {
        std::optional<tls_stream> client, server;
        std::error_code client_error, server_error;
        std::string client_text, server_text;
    };

    [[nodiscard]] static tls::client_context client(tls::client_context::options chosen = {}) {
        return trusted_authority().client(std::move(chosen));
    }
    [[nodiscard]] static tls::server_context server(const tls::identity& own,
                                                    tls::server_context::options chosen = {}) {
        chosen.own = {own};
        return tls::server_context(chosen);
    }

    static task<> accept_one(memory_stream from, tls::server_context context, result& into) {
        try {
            into.server = co_await tls::accept(std::move(from), context);
        } catch (const std::system_error& failure) {
            into.server_error = failure.code();
            into.server_text = failure.what();
        }
    }
    template <class Name>
    static task<> connect_one(memory_stream to, tls::client_context context, Name name, result& into) {
        try {
            into.client = co_await tls::connect(std::move(to), context, std::move(name));
        } catch (const std::system_error& failure) {
            into.client_error = failure.code();
            into.client_text = failure.what();
        }
    }
    template <class Name = std::string>
    result meet(const tls::client_context& from, const tls::server_context& to, Name name = "example.org") {
        result both;
        stream_pair pair;
        context_.run([&]() -> task<> {
            co_await when_all(accept_one(std::move(pair.first), to, both),
                              connect_one(std::move(pair.second), from, std::move(name), both));
        });
        return both;
    }
    /// Returns whether the connection resumed a session. Lets the client receive its tickets.
    bool meets_with_resumption(const tls::client_context& from, const tls::server_context& to) {
        result both = meet(from, to);
        EXPECT_TRUE(both.client && both.server) << both.client_text << both.server_text;
        context_.run([&]() -> task<> {
            co_await write(*both.server, "x");
            std::array<char, 1> byte;
            co_await both.client->recv(byte);
        });
        EXPECT_EQ(both.client->session_resumed(), both.server->session_resumed());
        return both.client->session_resumed();
    }
    void expect_refusal(const tls::identity& own, tls::error::code expected, const std::string& text,
                        const std::string& name = "example.org") {
        const result both = meet(client(), server(own), name);
        EXPECT_EQ(both.client_error, expected) << both.client_text;
        EXPECT_NE(both.client_text.find(name), std::string::npos) << both.client_text;
        EXPECT_NE(both.client_text.find(text), std::string::npos) << both.client_text;
        EXPECT_EQ(both.server_error, tls::error::handshake_failed) << both.server_text;
        EXPECT_NE(both.server_text.find("alert"), std::string::npos) << both.server_text;
    }

    real_context context_;
};

TEST_F(TlsHandshake, AcceptsATrustedCertificate) {
    result both = meet(client(), server(trusted_authority().issue()));
    ASSERT_TRUE(both.client && both.server) << both.client_text << both.server_text;
    context_.run([&]() -> task<> {
        co_await write(*both.client, "hello");
        std::array<char, 10> buffer;
        EXPECT_EQ(co_await both.server->recv(buffer), 5u);
        EXPECT_EQ(std::string_view(buffer.data(), 5), "hello");
        co_await both.server->shutdown();
        EXPECT_EQ(co_await both.client->recv(buffer), 0u);
        EXPECT_EQ(co_await both.client->recv(buffer), 0u);
        co_await write(*both.client, "still");
        EXPECT_EQ(co_await both.server->recv(buffer), 5u);
    });
}

TEST_F(TlsHandshake, RefusesWrongCertificates) {
    expect_refusal(trusted_authority().issue({.begins = -7200, .ends = -3600}),
                   tls::error::certificate_expired, "CN=example.org");
    expect_refusal(trusted_authority().issue({.begins = 3600}), tls::error::certificate_not_yet_valid,
                   "CN=example.org");
    expect_refusal(trusted_authority().issue(), tls::error::wrong_host, "mismatch", "other.org");
    expect_refusal(trusted_authority().issue({.subject = "example.org", .names = "DNS:other.org"}),
                   tls::error::wrong_host, "mismatch");
    expect_refusal(trusted_authority().issue({.purpose = "clientAuth"}), tls::error::wrong_purpose,
                   "purpose");
    expect_refusal(authority::self_signed(), tls::error::self_signed, "self-signed");
    const authority stranger("Stranger");
    expect_refusal(stranger.issue(), tls::error::unknown_issuer, "issuer");
    // The intermediate certificate is missing in the chain.
    const authority middle("Middle", trusted_authority());
    expect_refusal(middle.issue(), tls::error::unknown_issuer, "issuer");
}

TEST_F(TlsHandshake, AcceptsAChain) {
    const authority middle("Middle", trusted_authority());
    tls::identity own = middle.issue();
    own.chain = tls::pem::text(own.chain.value() + middle.certificate());
    const result both = meet(client(), server(own));
    EXPECT_TRUE(both.client && both.server) << both.client_text << both.server_text;
}

TEST_F(TlsHandshake, TrustsAnIntermediateCertificate) {
    const authority middle("Middle", trusted_authority());
    EXPECT_TRUE(
        meet(client({.trusted = tls::pem::text(middle.certificate())}), server(middle.issue())).client);
    const tls::identity own = authority::self_signed();
    EXPECT_TRUE(meet(client({.trusted = own.chain}), server(own)).client);
    EXPECT_EQ(meet(client({.trusted = own.chain}), server(middle.issue())).client_error,
              tls::error::unknown_issuer);
}

TEST_F(TlsHandshake, ChecksIpAddresses) {
    const tls::identity own = trusted_authority().issue({.names = "IP:127.0.0.1,IP:::1,DNS:example.org"});
    for (const char* name: {"127.0.0.1", "::1"}) {
        const result both = meet(client(), server(own), name);
        ASSERT_TRUE(both.client && both.server) << name << both.client_text;
        EXPECT_EQ(SSL_get_servername(both.server->native_handle(), TLSEXT_NAMETYPE_host_name), nullptr);
    }
    expect_refusal(own, tls::error::wrong_host, "mismatch", "127.0.0.2");
}

TEST_F(TlsHandshake, UnverifiedHasToBeAskedFor) {
    const result both = meet(client(), server(authority::self_signed()), tls::unverified());
    EXPECT_TRUE(both.client && both.server) << both.client_text << both.server_text;
    const result empty = meet(client(), server(trusted_authority().issue()), std::string());
    EXPECT_EQ(empty.client_error, std::errc::invalid_argument);
}

TEST_F(TlsHandshake, ChoosesTheCertificateByName) {
    tls::server_context::options chosen;
    chosen.own = {trusted_authority().issue(),
                  trusted_authority().issue({.subject = "second", .names = "DNS:second.org"})};
    EXPECT_TRUE(meet(client(), tls::server_context(chosen), "second.org").client);
    EXPECT_TRUE(meet(client(), tls::server_context(chosen), "example.org").client);
    EXPECT_EQ(meet(client(), tls::server_context(chosen), "third.org").client_error, tls::error::wrong_host);
    chosen.unknown = tls::unknown_name::refused;
    const result refused = meet(client(), tls::server_context(chosen), "third.org");
    EXPECT_EQ(refused.client_error, tls::error::handshake_failed);
    EXPECT_NE(refused.client_text.find("unrecognized name"), std::string::npos) << refused.client_text;
    EXPECT_NE(refused.server_text.find("no certificate is for third.org"), std::string::npos)
        << refused.server_text;
}

// A program may make a connection of its own with the SSL_CTX.
TEST_F(TlsHandshake, RefusesAClientOfAForeignConnection) {
    const tls::server_context to =
        trusted_authority().server({.clients = tls::client_certificates::required,
                                    .trusted = tls::pem::text(trusted_authority().certificate())});
    const tls::client_context from = client({.own = authority("Stranger").issue()});
    SSL* const server_side = SSL_new(to.native_handle());
    SSL* const client_side = SSL_new(from.native_handle());
    BIO *near = nullptr, *far = nullptr;
    ASSERT_EQ(BIO_new_bio_pair(&near, 0, &far, 0), 1);
    SSL_set_bio(client_side, near, near);
    SSL_set_bio(server_side, far, far);
    SSL_set_connect_state(client_side);
    SSL_set_accept_state(server_side);
    for (int i = 0; i < 5; ++i) {
        SSL_do_handshake(client_side);
        SSL_do_handshake(server_side);
    }
    EXPECT_NE(SSL_get_verify_result(server_side), X509_V_OK);
    ERR_clear_error();
    SSL_free(client_side);
    SSL_free(server_side);
}

TEST_F(TlsHandshake, AgreesOnAProtocol) {
    const tls::identity own = trusted_authority().issue();
    const result both = meet(client({.protocol = {.alpn = {"h2", "http/1.1"}}}),
                             server(own, {.protocol = {.alpn = {"http/1.1"}}}));
    ASSERT_TRUE(both.client && both.server) << both.client_text << both.server_text;
    EXPECT_EQ(both.client->alpn(), "http/1.1");
    EXPECT_EQ(both.server->alpn(), "http/1.1");
    const result none =
        meet(client({.protocol = {.alpn = {"h2"}}}), server(own, {.protocol = {.alpn = {"http/1.1"}}}));
    EXPECT_EQ(none.client_error, tls::error::handshake_failed);
    EXPECT_NE(none.client_text.find("no application protocol"), std::string::npos) << none.client_text;
}

TEST_F(TlsHandshake, ResumesASession) {
    const tls::identity own = trusted_authority().issue();
    for (const auto most: {tls::version::tls_1_2, tls::version::tls_1_3}) {
        const tls::client_context from = client({.protocol = {.most = most}});
        const tls::server_context to = server(own);
        for (int i = 0; i < 3; ++i) {
            result both = meet(from, to);
            ASSERT_TRUE(both.client && both.server) << both.client_text;
            EXPECT_EQ(both.client->session_resumed(), i > 0) << i;
            EXPECT_EQ(both.client->version(), most);
            context_.run([&]() -> task<> {  // a ticket comes with the first bytes
                co_await write(*both.server, "x");
                std::array<char, 1> byte;
                co_await both.client->recv(byte);
            });
        }
    }
}

TEST_F(TlsHandshake, ContextsWithTheSameTicketKeysResume) {
    const tls::identity own = trusted_authority().issue();
    for (const auto most: {tls::version::tls_1_2, tls::version::tls_1_3}) {
        const tls::client_context from = client({.protocol = {.most = most}});
        tls::ticket_keys keys;
        const tls::server_context one = server(own, {.tickets = keys});
        const tls::server_context two = server(own, {.tickets = keys});
        const tls::server_context stranger = server(own);
        EXPECT_FALSE(meets_with_resumption(from, one));
        EXPECT_TRUE(meets_with_resumption(from, two));
        keys.rotate();
        EXPECT_TRUE(meets_with_resumption(from, one)) << "the keys before are still valid";
        EXPECT_TRUE(meets_with_resumption(from, two)) << "the client has got a ticket of the new keys";
        keys.rotate();
        keys.rotate();
        EXPECT_FALSE(meets_with_resumption(from, one)) << "the keys of the ticket have gone";
        EXPECT_TRUE(meets_with_resumption(from, one));
        EXPECT_FALSE(meets_with_resumption(from, stranger));
    }
}

// Otherwise, a client without a certificate could use a session of the server that does not require one.
TEST_F(TlsHandshake, SessionsDoNotPassAStricterServer) {
    const tls::identity own = trusted_authority().issue();
    for (const auto most: {tls::version::tls_1_2, tls::version::tls_1_3}) {
        const tls::client_context from = client({.protocol = {.most = most}});
        tls::server_context::options chosen;
        const tls::server_context lax = server(own, chosen);
        chosen.clients = tls::client_certificates::required;
        chosen.trusted = tls::pem::text(trusted_authority().certificate());
        const tls::server_context strict = server(own, chosen);
        EXPECT_FALSE(meets_with_resumption(from, lax));
        EXPECT_EQ(meet(from, strict).server_error, tls::error::no_certificate);
    }
}

TEST_F(TlsHandshake, ServerMayRefuseToResume) {
    const tls::server_context to = server(trusted_authority().issue(), {.resumes = false});
    for (const auto most: {tls::version::tls_1_2, tls::version::tls_1_3}) {
        const tls::client_context from = client({.protocol = {.most = most}});
        EXPECT_FALSE(meets_with_resumption(from, to));
        EXPECT_FALSE(meets_with_resumption(from, to));
    }
}

TEST_F(TlsHandshake, IgnoresTheNameInTheSubject) {
    expect_refusal(trusted_authority().issue({.subject = "example.org", .names = ""}), tls::error::wrong_host,
                   "mismatch");
    const result both = meet(client(), server(trusted_authority().issue()), "example.org.");
    EXPECT_TRUE(both.client) << both.client_text << "a dot at the end is not part of the name";
    const result odd = meet(client(), server(trusted_authority().issue()), std::string(300, 'x'));
    EXPECT_EQ(odd.client_error, std::errc::invalid_argument) << odd.client_text;
}

TEST_F(TlsHandshake, RefusesForgedCertificates) {
    const authority impostor("Test Authority");  // the same name, but another key
    const result both = meet(client(), server(impostor.issue()));
    EXPECT_EQ(both.client_error, tls::error::invalid_certificate) << both.client_text;
    EXPECT_NE(both.client_text.find("signature"), std::string::npos) << both.client_text;
}

TEST_F(TlsHandshake, RefusesOddNames) {
    const std::vector<std::string> names{".", ".example.org", std::string("example.org\0x", 13)};
    for (const std::string& name: names) {
        const result both = meet(client(), server(trusted_authority().issue()), name);
        EXPECT_EQ(both.client_error, std::errc::invalid_argument) << both.client_text;
    }
}

TEST_F(TlsHandshake, EndsAtCloseNotify) {
    stream_pair pair;
    result both;
    const tls::client_context from = client();
    context_.run([&]() -> task<> {
        const std::string alert("\x15\x03\x03\x00\x02\x01\x00", 7);
        co_await write(pair.first, alert);
        co_await connect_one<std::string>(std::move(pair.second), from, "example.org", both);
    });
    EXPECT_TRUE(both.client_error == tls::error::handshake_failed) << both.client_text;
}

TEST_F(TlsHandshake, DescribesCertificatesThatNeverEnd) {
    const result both = meet(client(), server(trusted_authority().issue({.ends = 200'000'000'000})));
    ASSERT_TRUE(both.client) << both.client_text;
    EXPECT_GT(both.client->peer_certificates().front().ends, std::chrono::system_clock::now());
}

TEST_F(TlsHandshake, TicketKeysRotateWithTime) {
    const tls::client_context from = client();
    const tls::server_context to =
        server(trusted_authority().issue(), {.tickets = tls::ticket_keys(std::chrono::seconds(0))});
    EXPECT_FALSE(meets_with_resumption(from, to));
    EXPECT_FALSE(meets_with_resumption(from, to)) << "keys with a lifetime of 0 have gone immediately";
}

TEST_F(TlsHandshake, ResumesAfterATruncatedEnd) {
    const tls::client_context from = client();
    const tls::server_context to = server(trusted_authority().issue());
    result both = meet(from, to);
    context_.run([&]() -> task<> {
        co_await write(*both.server, "x");
        std::array<char, 10> buffer;
        co_await both.client->recv(buffer);
        both.server->next_layer().close();
        auto [failure, size] = co_await as_tuple(both.client->recv(buffer));
        EXPECT_EQ(failure, tls::error::truncated);
    });
    both.client.reset();
    EXPECT_TRUE(meet(from, to).client->session_resumed());
}

// Otherwise, a connection that verifies would accept the certificate that the other one has not verified.
TEST_F(TlsHandshake, NeverResumesAnUnverifiedSession) {
    const tls::client_context from = client();
    const tls::server_context to = server(authority::self_signed());
    for (int i = 0; i < 2; ++i) {
        result both = meet(from, to, tls::unverified("example.org"));
        ASSERT_TRUE(both.client && both.server);
        context_.run([&]() -> task<> {
            co_await write(*both.server, "x");
            std::array<char, 1> byte;
            co_await both.client->recv(byte);
        });
        EXPECT_FALSE(both.client->session_resumed());
    }
    EXPECT_EQ(meet(from, to).client_error, tls::error::self_signed);
}

TEST_F(TlsHandshake, SendsTheNameInItsFirstMessage) {
    for (const std::string name: {"example.org", "127.0.0.1"}) {
        stream_pair pair;
        result both;
        context_.run([&]() -> task<> {
            auto connecting = co_spawn(
                context_.io(), connect_one<std::string>(std::move(pair.second), client(), name, both));
            std::string hello(4096, '\0');
            hello.resize(co_await pair.first.recv(hello));
            EXPECT_EQ(hello.find(name) != std::string::npos, name == "example.org");
            pair.first.close();
            co_await connecting.join();
        });
        EXPECT_EQ(both.client_error, tls::error::handshake_failed) << both.client_text;
    }
}

TEST_F(TlsHandshake, RefusesOtherVersions) {
    const tls::identity own = trusted_authority().issue();
    const result both = meet(client({.protocol = {.most = tls::version::tls_1_2}}),
                             server(own, {.protocol = {.least = tls::version::tls_1_3}}));
    EXPECT_EQ(both.client_error, tls::error::handshake_failed);
    EXPECT_NE(both.client_text.find("protocol version"), std::string::npos) << both.client_text;
    EXPECT_EQ(both.server_error, tls::error::handshake_failed);
    EXPECT_NE(both.server_text.find("protocol"), std::string::npos) << both.server_text;
}

TEST_F(TlsHandshake, RefusesRevokedCertificates) {
    const tls::identity good = trusted_authority().issue();
    const tls::identity bad = trusted_authority().issue();
    const tls::client_context from = client({.revoked = tls::pem::text(trusted_authority().revoke(bad))});
    EXPECT_TRUE(meet(from, server(good)).client);
    const result both = meet(from, server(bad));
    EXPECT_EQ(both.client_error, tls::error::certificate_revoked) << both.client_text;
}

TEST_F(TlsHandshake, DescribesThePeersCertificates) {
    const authority middle("Middle", trusted_authority());
    tls::identity own = middle.issue({.subject = "Zoë", .names = "DNS:example.org,IP:10.1.2.3,IP:::1"});
    own.chain = tls::pem::text(own.chain.value() + middle.certificate());
    tls::server_context::options wanted;
    wanted.clients = tls::client_certificates::optional;
    wanted.trusted = tls::pem::text(trusted_authority().certificate());
    const tls::client_context from = client({.own = own});
    const result both = meet(from, server(own, wanted));
    ASSERT_TRUE(both.client && both.server) << both.client_text << both.server_text;
    for (const auto& seen: {both.client->peer_certificates(), both.server->peer_certificates()}) {
        ASSERT_EQ(seen.size(), 2u);
        EXPECT_EQ(seen[0].subject, "CN=Zoë");
        EXPECT_EQ(seen[0].issuer, "CN=Middle");
        EXPECT_EQ(seen[0].names, (std::vector<std::string>{"example.org", "10.1.2.3", "::1"}));
        EXPECT_EQ(seen[0].fingerprint.size(), 64u);
        EXPECT_EQ(seen[0].pem, own.chain.value().substr(0, seen[0].pem.size()));
        EXPECT_LT(seen[0].begins, std::chrono::system_clock::now());
        EXPECT_GT(seen[0].ends, std::chrono::system_clock::now());
        EXPECT_EQ(seen[1].subject, "CN=Middle");
        EXPECT_EQ(seen[1].issuer, "CN=Test Authority");
    }
    EXPECT_TRUE(meet(client(), server(own, wanted)).server->peer_certificates().empty());
}

TEST_F(TlsHandshake, LogsKeys) {
    std::string lines;
    const auto log = [&](std::string_view line) { lines.append(line).append("\n"); };
    EXPECT_TRUE(meet(client({.protocol = {.key_log = log}}), server(trusted_authority().issue())).client);
    EXPECT_NE(lines.find("CLIENT_TRAFFIC_SECRET_0 "), std::string::npos) << lines;
    const auto faulty = [](std::string_view) { throw std::runtime_error("the disk is full"); };
    EXPECT_TRUE(meet(client({.protocol = {.key_log = faulty}}), server(trusted_authority().issue())).client);
}

TEST_F(TlsHandshake, UsesTheChosenCiphers) {
    const result both = meet(client({.protocol = {.cipher_suites = "TLS_CHACHA20_POLY1305_SHA256"}}),
                             server(trusted_authority().issue()));
    ASSERT_TRUE(both.client);
    EXPECT_EQ(both.client->cipher(), "TLS_CHACHA20_POLY1305_SHA256");
    EXPECT_EQ(both.server->server_name(), "example.org");
}

TEST_F(TlsHandshake, VerifiesClients) {
    const authority clients("Clients");
    const tls::identity own = trusted_authority().issue();
    const tls::identity id = clients.issue({.subject = "alice", .names = ""});
    tls::server_context::options wanted;
    wanted.trusted = tls::pem::text(clients.certificate());
    wanted.clients = tls::client_certificates::optional;
    EXPECT_TRUE(meet(client(), server(own, wanted)).server);
    wanted.clients = tls::client_certificates::required;
    EXPECT_EQ(meet(client(), server(own, wanted)).server_error, tls::error::no_certificate);
    EXPECT_TRUE(meet(client({.own = id}), server(own, wanted)).server);
    const authority stranger("Stranger");
    const result wrong = meet(client({.own = stranger.issue()}), server(own, wanted));
    EXPECT_EQ(wrong.server_error, tls::error::unknown_issuer) << wrong.server_text;
}

TEST_F(TlsHandshake, SaysWhatTheBytesAre) {
    stream_pair pair;
    result both;
    const tls::server_context context = server(trusted_authority().issue());
    context_.run([&]() -> task<> {
        co_await write(pair.second, "GET / HTTP/1.1\r\n\r\n");
        co_await accept_one(std::move(pair.first), context, both);
    });
    EXPECT_EQ(both.server_error, tls::error::handshake_failed);
    EXPECT_NE(both.server_text.find("http request"), std::string::npos) << both.server_text;
}

TEST_F(TlsHandshake, HasADeadline) {
    stream_pair pair;
    const tls::server_context context = server(trusted_authority().issue());
    context_.run([&]() -> task<> {
        auto [failure, stream] =
            co_await as_tuple(tls::accept(std::move(pair.first), context, {.handshake_limit = 20ms}));
        EXPECT_EQ(failure, error::timed_out);
    });
}

TEST_F(TlsHandshake, ReportsATruncatedStream) {
    result both = meet(client(), server(trusted_authority().issue()));
    ASSERT_TRUE(both.client && both.server);
    context_.run([&]() -> task<> {
        co_await write(*both.server, "part");
        both.server->next_layer().close();
        std::array<char, 10> buffer;
        EXPECT_EQ(co_await both.client->recv(buffer), 4u);
        auto [failure, size] = co_await as_tuple(both.client->recv(buffer));
        EXPECT_EQ(failure, tls::error::truncated);
    });
}

// A key for this test, with the passphrase "secret".
constexpr const char* encrypted_key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                                      "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgROqsI8PTq5QICCAAw\n"
                                      "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEECR9BORwFejEUlkLrCuY7t4EgZDu\n"
                                      "kxCj4olhnHJ7Iz+W52EZPRTYNZBvk7sO195lJ1hgdZyXLHI/C3Fb7iO9HzN8tTTa\n"
                                      "38FY+mn6bBVudxpFigOWwvQ/74qtUTr/+NS2Bj/soVUMzjZjqW4dE/pfD7ekqi5M\n"
                                      "xsLQKux2AbO2Pp/36AiN/DoQrtNB+ct0TlmoX08nlspog9Yz2jJc0s7jmRR5CVM=\n"
                                      "-----END ENCRYPTED PRIVATE KEY-----\n";

TEST(TlsContext, NamesTheFileThatIsWrong) {
    const authority issuer;
    const tls::identity own = issuer.issue();
    const auto expect = [](const tls::identity& with, std::error_code code, const std::string& text) {
        tls::server_context::options chosen;
        chosen.own = {with};
        try {
            const tls::server_context made(chosen);
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), code) << failure.what();
            EXPECT_NE(std::string(failure.what()).find(text), std::string::npos) << failure.what();
        }
    };
    expect({tls::pem::file("/none/chain.pem"), own.key}, {ENOENT, std::system_category()}, "/none/chain.pem");
    expect({tls::pem::file("/etc/passwd"), own.key}, tls::error::not_pem, "/etc/passwd");
    expect({own.chain, own.chain}, tls::error::not_pem, "private key");
    expect({own.chain, issuer.issue().key}, tls::error::key_mismatch, "CN=example.org");
    expect({own.chain, tls::pem::text(encrypted_key)}, tls::error::encrypted_key, "private key");
    expect(
        {tls::pem::text(own.chain.value() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
         own.key},
        tls::error::not_pem, "part 2");
    expect({tls::pem::file("/tmp"), own.key}, {EISDIR, std::system_category()}, "/tmp");
}

TEST(TlsContext, NamesTheSettingThatIsWrong) {
    const auto expect = [](const tls::client_context::options& with, const std::string& text) {
        try {
            const tls::client_context made(with);
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), std::errc::invalid_argument);
            EXPECT_NE(std::string(failure.what()).find(text), std::string::npos) << failure.what();
        }
    };
    expect({.protocol = {.ciphers = "NONSENSE"}}, "NONSENSE");
    expect({.protocol = {.cipher_suites = "TLS_NONSENSE"}}, "TLS_NONSENSE");
    expect({.protocol = {.alpn = {""}}}, "ALPN");
    expect({.protocol = {.least = tls::version::tls_1_3, .most = tls::version::tls_1_2}}, "version");
    tls::server_context::options chosen;
    EXPECT_THROW(tls::server_context{chosen}, std::system_error) << "without a certificate";
    const authority issuer;
    chosen.own = {issuer.issue()};
    chosen.clients = tls::client_certificates::required;
    EXPECT_THROW(tls::server_context{chosen}, std::system_error) << "without issuers";
    chosen.clients = tls::client_certificates::ignored;
    chosen.trusted = tls::pem::text(issuer.certificate());
    EXPECT_THROW(tls::server_context{chosen}, std::system_error) << "issuers without a use";
}

}  // namespace
}  // namespace coil::test
