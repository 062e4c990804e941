// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>

#include <coil/tls/context.hpp>

namespace coil::COIL_ABI::detail {

template <auto Free>
struct free_by {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};

using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, free_by<SSL_CTX_free>>;
using session_ptr = std::unique_ptr<SSL_SESSION, free_by<SSL_SESSION_free>>;

/// The keys of session tickets: the current ones, and those before.
class tls_ticket_keys {
public:
    struct keys {
        std::array<unsigned char, 16> name;  // by which a ticket names its keys
        std::array<unsigned char, 32> secret;
        std::array<unsigned char, 32> signature;
    };
    enum class age { unknown, current, previous };

    explicit tls_ticket_keys(std::chrono::seconds lifetime);
    tls_ticket_keys(const tls_ticket_keys&) = delete;
    tls_ticket_keys& operator=(const tls_ticket_keys&) = delete;
    ~tls_ticket_keys();

    void rotate();
    /// Returns the current keys. Replaces them first if they are too old.
    [[nodiscard]] keys current();
    /// Returns the keys with this name.
    [[nodiscard]] age find(const unsigned char* name, keys& found);

private:
    void replace(const keys& by) noexcept;
    void replace_if_old();

    using clock = std::chrono::steady_clock;

    std::mutex lock_;
    std::chrono::seconds lifetime_;
    clock::time_point made_;
    keys current_{};
    keys previous_{};
};

/// The state that all connections of a context share.
struct tls_context {
    ssl_ctx_ptr context;
    std::vector<ssl_ctx_ptr> others;  // of a server: the contexts of further identities
    tls::unknown_name unknown = tls::unknown_name::uses_first;
    std::vector<unsigned char> alpn;  // in the format of the protocol: each name after its length
    std::function<void(std::string_view)> key_log;
    std::shared_ptr<tls_ticket_keys> tickets;
    bool resumes = false;

    // The sessions of a client, by host. In TLS 1.3, a session is used once.
    std::mutex lock;
    std::multimap<std::string, session_ptr> sessions;
    std::string evicted;  // the host that has lost a session last
};

/// Returns the state that belongs to OpenSSL's context.
[[nodiscard]] tls_context& state_of(const SSL_CTX* context) noexcept;

/// Lets OpenSSL encrypt session tickets with the keys of the context's state.
void use_ticket_keys(SSL_CTX* context) noexcept;

}  // namespace coil::COIL_ABI::detail
