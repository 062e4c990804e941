// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <unistd.h>

#include <coil/io/signal_set.hpp>
#include <coil/net/local.hpp>

#include "support/child.hpp"
#include "support/real_context.hpp"
#include "support/small_rings.hpp"

// If a program starts with stdin, stdout and stderr closed, its output goes to the descriptors that have got
// the numbers 0 to 2. So coil's descriptors (ring, eventfd, sockets) must never have these numbers.

namespace coil::test {
namespace {

bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

task<> connect_and_accept(io_context& context) {
    tcp::acceptor acceptor(context, {ip::address_v4::loopback(), 0});
    tcp::socket client(context);
    co_await client.connect(acceptor.local_endpoint());
    tcp::socket server = co_await acceptor.accept();
    EXPECT_TRUE(!is_open(0) && !is_open(1) && !is_open(2));
    co_await server.send("x");
    std::array<char, 1> byte;
    EXPECT_EQ(co_await client.recv(byte), 1u);
}

TEST(ClosedStdio, IsNotReusedByCoilDescriptors) {
    const int status = status_of_child([] {
        for (const int each: {0, 1, 2})
            ::close(each);
        real_context context(small_rings);
        signal_set signals(context.io(), SIGUSR1);
        udp::socket datagrams(context.io(), udp::v4());
        local::stream_protocol::socket left(context.io()), right(context.io());
        local::connect_pair(left, right);
        context.run([&]() -> task<> { co_await connect_and_accept(context.io()); });
        return is_open(0) || is_open(1) || is_open(2) ? 1 : ends_well;
    });
    EXPECT_EQ(status, ends_well);
}

}  // namespace
}  // namespace coil::test
