// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A libFuzzer target: feeds hostile bytes to both roles of a TLS connection. Build and run it with
// tests/fuzz/run. An input is a byte of settings and a list of changes.
//
//     settings:  who is attacked, the version of TLS, and the kind of attack
//     attack 0:  the remaining bytes are everything that the peer sends
//     attack 1:  two honest peers talk, and each change (2 bytes of distance, 1 byte of value) alters the
//                bytes that the victim receives
#include <coil/tls/engine.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

// OpenSSL 3 still has this function, which makes a run repeatable.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>

#include "tls/authority.hpp"

namespace {

using coil::detail::tls_engine;
using state = tls_engine::state;

std::uint64_t seed = 0;

int next_random(unsigned char* into, int size) {
    for (int i = 0; i < size; ++i) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        into[i] = static_cast<unsigned char>(seed >> 56);
    }
    return 1;
}
int is_seeded() { return 1; }

void make_random_numbers_repeatable() {
    static const RAND_METHOD method{nullptr, next_random, nullptr, nullptr, next_random, is_seeded};
    RAND_set_rand_method(&method);
}

const coil::test::authority& issuer() {
    static const coil::test::authority made;
    return made;
}

/// The contexts for one version of TLS. Clients also have a certificate.
coil::test::tls_contexts contexts_of(coil::tls::version most) {
    coil::tls::client_context::options of_client;
    of_client.own = issuer().issue({.subject = "client", .names = ""});
    of_client.protocol.most = most;
    of_client.protocol.alpn = {"h2"};
    coil::tls::server_context::options of_server;
    of_server.clients = coil::tls::client_certificates::optional;
    of_server.trusted = coil::tls::pem::text(issuer().certificate());
    of_server.protocol.alpn = {"h2"};
    return coil::test::tls_contexts(issuer(), of_client, of_server);
}

void require(bool holds) {
    if (!holds)
        std::abort();
}

/// One side of a connection, and the ciphertext that it has received.
class side {
public:
    side(tls_engine& engine) : engine_(engine) {}

    void receive(std::vector<std::byte> bytes) {
        input_ = std::move(bytes);
        engine_.give(input_);
    }
    /// Performs the handshake, then reads, writes and shuts down. Returns false if nothing happens any more.
    bool go_on() {
        if (!engine_.is_established()) {
            const state reached = engine_.handshake();
            require(reached != state::failed || engine_.error());
            if (reached != state::done)
                return false;
        }
        std::byte buffer[300];
        const coil::mutable_buffer into(buffer);
        std::size_t n = 0;
        static_cast<void>(engine_.peek());
        const state reached = engine_.read({&into, 1}, n);
        require(n <= sizeof buffer);
        require(reached != state::failed || engine_.error());
        if (reached == state::failed || said_ > 3)
            return false;
        const std::string text(static_cast<std::size_t>(said_) * 700, 't');
        const coil::const_buffer from(text);
        if (++said_ > 3)
            engine_.shut_down();
        else
            static_cast<void>(engine_.write({&from, 1}, 65536, n));
        return true;
    }
    std::vector<std::byte> output() {
        std::vector<std::byte> all;
        while (engine_.unsent() > 0) {
            const coil::const_buffer part = engine_.output();
            const auto* begin = static_cast<const std::byte*>(part.data());
            all.insert(all.end(), begin, begin + part.size());
            engine_.sent(part.size());
        }
        return all;
    }
    [[nodiscard]] bool needs_bytes() const { return !engine_.has_input() && !engine_.error(); }

private:
    tls_engine& engine_;
    std::vector<std::byte> input_;
    int said_ = 0;
};

/// Alters bytes of a stream, as the input says.
class attacker {
public:
    attacker(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) { next(); }

    void alter(std::vector<std::byte>& bytes) {
        std::size_t at = 0;
        while (is_active_ && distance_ < bytes.size() - at) {
            at += distance_;
            bytes[at] ^= static_cast<std::byte>(value_);
            next();
        }
        if (is_active_)
            distance_ -= bytes.size() - at;
    }

private:
    void next() {
        is_active_ = size_ >= 3;
        if (!is_active_)
            return;
        distance_ = data_[0] * 256u + data_[1];
        value_ = data_[2];
        data_ += 3;
        size_ -= 3;
    }

    const std::uint8_t* data_;
    std::size_t size_;
    std::size_t distance_ = 0;
    std::uint8_t value_ = 0;
    bool is_active_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const bool is_ready = (make_random_numbers_repeatable(), true);
    static const coil::test::tls_contexts old = contexts_of(coil::tls::version::tls_1_2);
    static const coil::test::tls_contexts recent = contexts_of(coil::tls::version::tls_1_3);
    if (!is_ready || size == 0)
        return 0;
    seed = 1;
    const bool attacks_server = data[0] & 1;
    const bool is_honest_peer = data[0] & 2;
    const coil::test::tls_contexts& with = data[0] & 4 ? old : recent;
    ++data;
    --size;

    tls_engine client(with.client.state(), tls_engine::role::client, "example.org", true);
    tls_engine server(with.server.state(), tls_engine::role::server, "", true);
    side victim(attacks_server ? server : client);
    side peer(attacks_server ? client : server);
    if (!is_honest_peer) {
        std::vector<std::byte> all(size);
        if (size > 0)
            std::memcpy(all.data(), data, size);
        static_cast<void>(victim.go_on());
        victim.receive(std::move(all));
        while (victim.go_on()) {}
        return 0;
    }
    attacker between(data, size);
    for (int round = 0; round < 12; ++round) {
        while (peer.go_on()) {}
        std::vector<std::byte> bytes = peer.output();
        between.alter(bytes);
        if (victim.needs_bytes())
            victim.receive(std::move(bytes));
        while (victim.go_on()) {}
        std::vector<std::byte> answer = victim.output();
        if (peer.needs_bytes())
            peer.receive(std::move(answer));
    }
    return 0;
}
