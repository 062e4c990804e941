// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Checks that socket calls that are not awaitables allocate nothing if they succeed. The error text must be
// built only if a call fails. This is a regression test, because set_option once allocated for each accepted
// connection. To check the counter itself, the program first makes a planted allocation, which must be
// counted.

#include <cstdio>
#include <string>
#include <system_error>

#include <coil/coil.hpp>

#include "../../bench/support/allocations.hpp"

namespace {

using coil::ip::tcp;
using coil::ip::udp;

int failures = 0;

template <class Call>
void expect_allocations(unsigned long long expected, const char* what, Call call) {
    const auto before = coil::bench::allocations();
    call();
    const auto made = coil::bench::allocations() - before;
    if (made == expected)
        return;
    std::printf("%s: %llu allocations, expected %llu\n", what, made, expected);
    ++failures;
}

template <class Call>
void expect_none(const char* what, Call call) {
    expect_allocations(0, what, call);
}

template <class Option, class Socket>
void set_and_get(const char* what, Socket& socket, const Option& option) {
    expect_none(what, [&] { socket.set_option(option); });
    expect_none(what, [&] {
        Option found;
        socket.get_option(found);
    });
}

void run(coil::io_context& context) {
    tcp::socket stream(context, tcp::v4());  // this also allocates the record for its descriptor
    set_and_get("no_delay", stream, tcp::no_delay(true));
    set_and_get("keep_idle", stream, tcp::keep_idle(std::chrono::seconds(30)));
    set_and_get("linger", stream, coil::socket_base::linger(false, 0));
    set_and_get("receive_buffer_size", stream, coil::socket_base::receive_buffer_size(1 << 16));
    expect_none("native_non_blocking", [&] {
        stream.native_non_blocking(true);
        stream.native_non_blocking(false);
    });
    expect_none("close_on_exec", [&] { stream.close_on_exec(true); });
    expect_none("close", [&] { stream.close(); });
    expect_none("open", [&] { stream.open(tcp::v6()); });

    tcp::acceptor acceptor(context);
    acceptor.open(tcp::v4());
    expect_none("bind", [&] { acceptor.bind({coil::ip::address_v4::loopback(), 0}); });
    expect_none("listen", [&] { acceptor.listen(); });
    expect_none("local_endpoint", [&] { static_cast<void>(acceptor.local_endpoint()); });

    udp::socket datagrams(context);
    datagrams.open(udp::v4());
    expect_none("bind of a udp::socket", [&] { datagrams.bind({coil::ip::address_v4::any(), 0}); });

    // Checks that a failing call still has its error text.
    std::string text;
    try {
        acceptor.bind({coil::ip::address_v4::loopback(), 0});
    } catch (const std::system_error& failure) {
        text = failure.what();
    }
    if (text.find("bind to 127.0.0.1:0") != 0) {
        std::printf("unexpected text of an error: %s\n", text.c_str());
        ++failures;
    }
}

}  // namespace

int main() {
    // Calls the operators as functions, because a compiler may remove a pair of new and delete expressions.
    expect_allocations(1, "planted", [] { ::operator delete(::operator new(100)); });
    coil::io_context context;
    run(context);
    return failures == 0 ? 0 : 1;
}
