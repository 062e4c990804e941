// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/tls.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <coil/algo/write.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/task.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/test/stream_pair.hpp>

#include "support/co_assert.hpp"
#include "support/scripted_context.hpp"
#include "tls/authority.hpp"
#include "tls/filtered_stream.hpp"

namespace coil::COIL_ABI::test {

using stream_over_line = tls::stream<filtered_stream>;

/// A client and a server, each above a line.
class TlsStream : public testing::Test {
protected:
    struct made {
        std::optional<stream_over_line> client, server;
        std::error_code client_error, server_error;
    };

    [[nodiscard]] static const tls_contexts& with_tls_1_2() {
        static const tls_contexts made(trusted_authority(), {.protocol = {.most = tls::version::tls_1_2}});
        return made;
    }

    /// Connects both sides, and lets the client receive the tickets.
    task<> establish(made& both, const tls_contexts& with, tls::connection_options how = {}) {
        stream_pair pair(stream_pair::options{capacity_, transfer_max_});
        co_await when_all(
            note(both.client, both.client_error,
                 tls::connect(filtered_stream(std::move(pair.first), client_line_), with.client,
                              "example.org", how)),
            note(both.server, both.server_error,
                 tls::accept(filtered_stream(std::move(pair.second), server_line_), with.server, how)));
    }
    /// Runs `story(client, server)` on a connection.
    template <class F>
    void run(F story, const tls_contexts& with, tls::connection_options how = {}) {
        context_.run([&]() -> task<> {
            made both;
            co_await establish(both, with, how);
            CO_ASSERT_TRUE(both.client && both.server) << both.client_error << both.server_error;
            co_await story(*both.client, *both.server);
        });
    }
    template <class F>
    void run(F story) {
        run(std::move(story), usual_contexts());
    }

    static task<> note(std::optional<stream_over_line>& into, std::error_code& error,
                       task<stream_over_line> from) {
        auto result = co_await as_tuple(std::move(from));
        error = result.error();
        if (!error)
            into = std::move(result).value();
    }
    static task<std::string> drain(stream_over_line& from) {
        std::string all;
        std::vector<char> buffer(5000);
        while (const std::size_t n = co_await from.recv(buffer))
            all.append(buffer.data(), n);
        co_return all;
    }
    static task<> keep_writing(stream_over_line& to, std::string bytes) {
        while (true)
            co_await write(to, bytes);
    }
    /// Sends a KeyUpdate message, and asks the peer for one if `asks`.
    static void update_keys(stream_over_line& of, bool asks) {
        SSL_key_update(of.native_handle(), asks ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    }

    scripted_context context_;
    line client_line_, server_line_;
    std::size_t capacity_ = 1 << 20;
    std::size_t transfer_max_ = static_cast<std::size_t>(-1);
};

}  // namespace coil::COIL_ABI::test
