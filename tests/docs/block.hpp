// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <source_location>
#include <utility>

// What fragments, which show no includes, use.
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

#include "docs/peers.hpp"

/// What the blocks of the documentation's pages are run with. See extract.py.
namespace coil::docs {

/// A block, under its name: PAGE_NUMBER.
class block {
public:
    using function = int (*)();
    using peer = int (*)(function program);

    block(const char* name, function program, bool wants_own_network, peer beside = nullptr) noexcept;

    /// Null if there is none.
    static const block* find(const char* name) noexcept;
    /// Returns the exit status: 77 where it can't be run.
    [[nodiscard]] int run() const;

private:
    const char* name_;
    function run_;
    bool wants_own_network_;
    peer beside_;
    const block* next_;
};

/// Runs a task until it ends, or stops the context. Any task's error is a failure.
int run(task<> (*body)(io_context&));

/// Throws if that does not hold.
void expect(bool what, std::source_location where = std::source_location::current());

/// Ends the block as one that can't be run, where nobody knows the name localhost: a machine without a hosts file.
void needs_localhost();

/// Two ends of one connection.
task<std::pair<ip::tcp::socket, ip::tcp::socket>> connected(io_context& context);

}  // namespace coil::docs
