// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <source_location>
#include <utility>

// Headers for fragments, which show no includes.
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <coil/coro/task.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>
#include <coil/test/stream_pair.hpp>

#include "docs/peers.hpp"

/// Runs the code blocks of the documentation. See extract.py.
namespace coil::docs {

/// A code block. Its name is PAGE_NUMBER.
class block {
public:
    using function = int (*)();
    using peer = int (*)(function program);

    block(const char* name, function program, bool wants_own_network, peer beside = nullptr) noexcept;

    /// Returns null if no block has this name.
    static const block* find(const char* name) noexcept;
    /// Returns the exit status, 77 if the block cannot run on this machine.
    [[nodiscard]] int run() const;

private:
    const char* name_;
    function run_;
    bool wants_own_network_;
    peer beside_;
    const block* next_;
};

/// Runs a task until it ends or stops the context. Returns 1 on an error of any task, or after 30 seconds.
int run(task<> (*body)(io_context&));

/// Prints why the block cannot run on this machine. Returns the exit status of a skipped test.
int skip(const char* reason);

/// Throws if `what` is false.
void expect(bool what, std::source_location where = std::source_location::current());

/// Skips the block if the name localhost cannot be resolved, as on a machine without a hosts file.
void needs_localhost();

/// Returns both ends of a new connection.
task<std::pair<ip::tcp::socket, ip::tcp::socket>> connected(io_context& context);

}  // namespace coil::docs
