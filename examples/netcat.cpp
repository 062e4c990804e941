// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Copies standard input to a TCP server, and the server's data to standard output. A single task waits for
// all descriptors, as a program that uses select(2) does. Two tasks, one per direction, would be shorter.

#include <span>
#include <string>
#include <unistd.h>
#include <vector>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::tcp;
using coil::posix::stream_descriptor;

coil::task<> talk(std::string host, std::string port) {
    auto& context = co_await coil::this_coro::context;
    constexpr auto read = tcp::socket::wait_read, write = tcp::socket::wait_write;
    auto input = stream_descriptor::borrow(context, STDIN_FILENO);
    auto output = stream_descriptor::borrow(context, STDOUT_FILENO);
    tcp::resolver resolver(context);
    tcp::socket socket = co_await coil::connect(context, co_await resolver.resolve(host, port));

    std::vector<char> typed(65536), received(65536);
    std::span<const char> unsent;
    for (bool is_typing = true;;) {
        auto ready = tcp::socket::wait_none;
        bool has_input = false;
        if (is_typing && unsent.empty()) {
            const auto first = co_await coil::when_any(socket.wait(read), input.wait(read));
            has_input = first.index() == 1;
            ready = has_input ? tcp::socket::wait_none : first.get<0>().value();
        } else {
            ready = co_await socket.wait(unsent.empty() ? read : read | write);
        }
        // Receive before sending: if both peers only sent, both would wait forever.
        if (ready & read) {
            const std::size_t n = co_await socket.recv(received);
            if (n == 0)
                co_return;  // the server has finished sending
            co_await coil::write(output, std::span(received).first(n));
        } else if (ready & write) {
            unsent = unsent.subspan(co_await socket.send(unsent));
        } else if (has_input) {
            unsent = std::span(typed).first(co_await input.recv(typed));
            if (unsent.empty()) {
                is_typing = false;
                socket.shutdown(tcp::socket::shutdown_send);
            }
        }
    }
}

int main(int argc, char** argv) try {
    const example::command_line given(
        argc, argv, "Sends standard input to a TCP server, and prints what the server sends until it ends.",
        {{"host", "NAME", "the server's name, or its address", "127.0.0.1", true},
         {"port", "PORT", "the server's port, or service", "7777", true}});
    coil::sync_wait(talk(given.host("host"), given.text("port")));
} catch (...) {
    return example::explain_failure();
}
