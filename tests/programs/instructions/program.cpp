// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Runs operations in a steady state on the scripted kernel, so that check.sh can count their instructions
// with callgrind. Each operation is run twice, each time in a new context. The second run executes the
// operation `rounds` times more often than the first run. The difference between the two counts therefore
// contains neither the beginning nor the end of a context.
//
// For each operation, prints the name, a tab, and `rounds`. Also runs without callgrind, and then only checks
// that the operations end.

#include <array>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <utility>

#include <gtest/gtest.h>

#include <coil/coro/task.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>
#include <coil/op/recv_stream.hpp>

#include "support/scripted_kernel.hpp"

namespace {

using coil::ip::tcp;
using coil::ip::udp;
using coil::ring::reply;
using coil::task;

constexpr std::size_t rounds = 1000;

const coil::ip::endpoint peer(coil::ip::address_v4::loopback(), 7777);
const std::string bytes(64, 'x');

struct setting {
    setting() : setting(std::make_unique<coil::ring::scripted_kernel>()) {}
    explicit setting(std::unique_ptr<coil::ring::scripted_kernel> kernel)
        : script(*kernel), context(std::move(kernel)) {}

    tcp::socket connected_socket() {
        tcp::socket socket(context);
        socket.assign(tcp::v4(), script.make_connection(SOCK_STREAM, peer));
        return socket;
    }

    coil::ring::scripted_kernel& script;
    coil::io_context context;
    std::array<char, 64> message{};
    std::array<char, 32 * 1024> large_message{};
};

// ---- the tasks --------------------------------------------------------------------------------------------

task<> recv(setting& in, std::size_t count) {
    auto socket = in.connected_socket();
    for (std::size_t i = 0; i < count; ++i)
        co_await socket.recv(in.message);
}

task<> recv_and_send(setting& in, std::size_t count) {
    auto socket = in.connected_socket();
    for (std::size_t i = 0; i < count; ++i) {
        co_await socket.recv(in.message);
        co_await socket.send(in.message);
    }
}

task<> recv_and_nops(setting& in, std::size_t count) {
    auto socket = in.connected_socket();
    for (std::size_t i = 0; i < count; ++i) {
        co_await socket.recv(in.message);
        asm volatile(".rept 100\n\tnop\n\t.endr");
    }
}

task<> send_large(setting& in, std::size_t count) {
    auto socket = in.connected_socket();
    for (std::size_t i = 0; i < count; ++i)
        co_await socket.send(in.large_message);
}

task<> next_chunk(setting& in, std::size_t count) {
    auto socket = in.connected_socket();
    auto incoming = socket.recv_stream();
    for (std::size_t i = 0; i < count; ++i)
        co_await incoming.next();
}

task<> accept(setting& in, std::size_t count) {
    tcp::acceptor acceptor(in.context, {tcp::v4(), 0});
    for (std::size_t i = 0; i < count; ++i)
        co_await acceptor.accept();  // closes the connection
}

task<> recvfrom(setting& in, std::size_t count) {
    udp::socket socket(in.context, {udp::v4(), 0});
    for (std::size_t i = 0; i < count; ++i)
        co_await socket.recvfrom(in.message);
}

task<> recvfrom_and_sendto(setting& in, std::size_t count) {
    udp::socket socket(in.context, {udp::v4(), 0});
    for (std::size_t i = 0; i < count; ++i) {
        co_await socket.recvfrom(in.message);
        co_await socket.sendto(in.message, peer);
    }
}

task<int> one() { co_return 1; }

task<> spawn_and_join(setting& in, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        auto worker = coil::co_spawn(in.context, one());
        co_await worker.join();
    }
}

// ---- the script -------------------------------------------------------------------------------------------

void answer_everything(setting& in, std::size_t) {
    in.script.answer_every(IORING_OP_RECV, bytes);
    in.script.answer_every(IORING_OP_RECVMSG, bytes);
    in.script.answer_every(IORING_OP_SEND, reply::all());
    in.script.answer_every(IORING_OP_ACCEPT, reply::connection());
}

void answer_direct_sends(setting& in, std::size_t count) {
    answer_everything(in, count);
    for (std::size_t i = 0; i < count; ++i)
        in.script.answer_direct(reply::all());
}

// Whenever the loop waits, the multishot receive gets one message. check.sh counts this function as part of
// the kernel.
void script_messages(setting& in, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        in.script.then([&in] { in.script.answer(IORING_OP_RECV, bytes); });
}

// ---- the runs ---------------------------------------------------------------------------------------------

struct run {
    task<> (*story)(setting&, std::size_t);
    void (*answer)(setting&, std::size_t);
    std::size_t count;
};

struct operation {
    const char* name;
    run first;
    run second;
};

constexpr operation repeated(const char* name, task<> (*story)(setting&, std::size_t),
                             void (*answer)(setting&, std::size_t) = answer_everything) {
    return {name, {story, answer, rounds}, {story, answer, 2 * rounds}};
}

// "planted" checks the counter itself. The loop limits the number of direct sends in one iteration. Therefore
// each send follows a receive, and the first run contains only the receives.
constexpr operation operations[] = {
    {"planted", {recv, answer_everything, rounds}, {recv_and_nops, answer_everything, rounds}},
    repeated("recv", recv),
    repeated("recv_stream().next()", next_chunk, script_messages),
    {"send", {recv, answer_everything, rounds}, {recv_and_send, answer_direct_sends, rounds}},
    repeated("send of 32 KiB", send_large),
    repeated("accept and close", accept),
    repeated("recvfrom", recvfrom),
    {"sendto", {recvfrom, answer_everything, rounds}, {recvfrom_and_sendto, answer_direct_sends, rounds}},
    repeated("co_spawn and join", spawn_and_join),
};

}  // namespace

// check.sh counts the instructions in this function, without those of the scripted kernel.
extern "C" [[gnu::noinline]] void counted_run(coil::io_context& context) {
    context.run();
    asm volatile("");  // prevents a tail call, which would hide this function from callgrind
}

int main() {
    for (const operation& each: operations) {
        for (const run& one: {each.first, each.second}) {
            setting in;
            one.answer(in, one.count);
            coil::co_spawn(in.context, one.story(in, one.count), coil::detached);
            counted_run(in.context);
        }
        std::printf("%s\t%zu\n", each.name, rounds);
    }
    return testing::Test::HasFailure() ? 1 : 0;
}
