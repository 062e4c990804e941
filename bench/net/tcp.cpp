// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// TCP over loopback. Both ends are tasks of one context, on one thread. The time is therefore the CPU cost of
// both ends, and does not include waking another CPU. In a virtual machine, the cost of such a wake-up
// depends on the host and varies by a factor of 1.5 from minute to minute. The reported system calls are
// those made by both ends together. tcp_round_trip_with_thread measures a peer on another CPU.

#include <thread>
#include <vector>

#include <coil/coil.hpp>

#include "support/bare.hpp"
#include "support/rounds.hpp"

namespace coil::bench {
namespace {

using ip::tcp;

struct connection {
    explicit connection(io_context& context) : client(context), server(context) {}

    tcp::socket client;
    tcp::socket server;
};

task<> connect(connection& made) {
    tcp::acceptor acceptor(made.client.context(), {ip::address_v4::loopback(), 0});
    co_await made.client.connect(acceptor.local_endpoint());
    made.server = co_await acceptor.accept();
    made.client.set_option(tcp::no_delay(true));
    made.server.set_option(tcp::no_delay(true));
}

// ---- round trip of a message ----------------------------------------------------------------------------

task<> echo(tcp::socket& peer, std::size_t size) {
    std::vector<char> buffer(size);
    while (co_await peer.recv(buffer, coil::message_flags::wait_all) == size)
        co_await peer.send(buffer, coil::message_flags::wait_all);
}

task<> round_trips(benchmark::State& state, io_context& context) {
    const auto size = static_cast<std::size_t>(state.range(0));
    connection ends(context);
    co_await connect(ends);
    auto echoing = co_spawn(context, echo(ends.server, size));

    std::vector<char> buffer(size);
    rounds rounds(state, context, {.bytes = 2 * state.range(0)});
    while (rounds.next()) {
        co_await ends.client.send(buffer, coil::message_flags::wait_all);
        co_await ends.client.recv(buffer, coil::message_flags::wait_all);
    }
    ends.client.close();
    co_await echoing.join();
}

void tcp_round_trip(benchmark::State& state) { run(state, round_trips); }

void bare_tcp_round_trip(benchmark::State& state) {
    enum : std::uint64_t { client_sent, client_received, server_received, server_sent };
    const auto size = static_cast<std::size_t>(state.range(0));
    const auto ends = bare::tcp_pair();
    std::vector<char> ours(size), theirs(size);
    bare::ring ring;
    ring.recv(ends.server, theirs.data(), size, MSG_WAITALL, server_received);
    ring.send(ends.client, ours.data(), size, MSG_WAITALL, client_sent);

    rounds rounds(state, ring, {.bytes = 2 * state.range(0)});
    for (bool over = !rounds.next(); !over;) {
        ring.iterate([&](std::uint64_t what, int result) {
            bare::check(result == static_cast<int>(size), "a round trip");
            switch (what) {
            case client_sent: ring.recv(ends.client, ours.data(), size, MSG_WAITALL, client_received); break;
            case client_received:
                over = !rounds.next();
                ring.send(ends.client, ours.data(), size, MSG_WAITALL, client_sent);
                break;
            case server_received:
                ring.send(ends.server, theirs.data(), size, MSG_WAITALL, server_sent);
                break;
            case server_sent:
                ring.recv(ends.server, theirs.data(), size, MSG_WAITALL, server_received);
                break;
            default: break;
            }
        });
    }
}

void sizes_of_messages(benchmark::internal::Benchmark* benchmark) {
    benchmark->Arg(1)->Arg(64)->Arg(1024)->Arg(4096)->Arg(16384)->Arg(65536)->UseRealTime();
}

BENCHMARK(tcp_round_trip)->Apply(sizes_of_messages);
BENCHMARK(bare_tcp_round_trip)->Name("bare/tcp_round_trip")->Apply(sizes_of_messages);

// ---- round trip to an echo thread that uses plain system calls ------------------------------------------

// Echoes with recv(2) and send(2) until the peer shuts down.
class echo_thread {
public:
    echo_thread(int socket, std::size_t size)
        : thread_([=] {
              std::vector<char> buffer(size);
              while (::recv(socket, buffer.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size))
                  ::send(socket, buffer.data(), size, MSG_NOSIGNAL);
          }) {}
    echo_thread(const echo_thread&) = delete;
    echo_thread& operator=(const echo_thread&) = delete;
    ~echo_thread() { thread_.join(); }

private:
    std::thread thread_;
};

task<> round_trips_with_thread(benchmark::State& state, io_context& context) {
    const auto size = static_cast<std::size_t>(state.range(0));
    connection ends(context);
    co_await connect(ends);
    const echo_thread echoing(ends.server.native_handle(), size);

    std::vector<char> buffer(size);
    rounds rounds(state, context, {.bytes = 2 * state.range(0)});
    while (rounds.next()) {
        co_await ends.client.send(buffer, coil::message_flags::wait_all);
        co_await ends.client.recv(buffer, coil::message_flags::wait_all);
    }
    ends.client.shutdown(tcp::socket::shutdown_send);
}

void tcp_round_trip_with_thread(benchmark::State& state) { run(state, round_trips_with_thread); }

void bare_tcp_round_trip_with_thread(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const auto ends = bare::tcp_pair();
    const echo_thread echoing(ends.server, size);
    std::vector<char> buffer(size);
    bare::ring ring;

    rounds rounds(state, ring, {.bytes = 2 * state.range(0)});
    const auto wait_for_all = [&](std::uint64_t, int result) {
        bare::check(result == static_cast<int>(size), "a round trip");
    };
    while (rounds.next()) {
        ring.send(ends.client, buffer.data(), size, MSG_WAITALL, 0);
        ring.iterate(wait_for_all);
        ring.recv(ends.client, buffer.data(), size, MSG_WAITALL, 0);
        ring.iterate(wait_for_all);
    }
    ::shutdown(ends.client, SHUT_WR);
}

BENCHMARK(tcp_round_trip_with_thread)->Arg(64)->UseRealTime();
BENCHMARK(bare_tcp_round_trip_with_thread)->Name("bare/tcp_round_trip_with_thread")->Arg(64)->UseRealTime();

// ---- one way --------------------------------------------------------------------------------------------

constexpr std::size_t receive_size = 256 * 1024;

task<> receive_all(tcp::socket& from) {
    std::vector<char> buffer(receive_size);
    while (co_await from.recv(buffer) > 0)
        ;
}

// A round is one write of the whole buffer.
task<> sends(benchmark::State& state, io_context& context) {
    connection ends(context);
    co_await connect(ends);
    auto receiving = co_spawn(context, receive_all(ends.server));

    const std::vector<char> buffer(static_cast<std::size_t>(state.range(0)));
    rounds rounds(state, context, {.bytes = state.range(0)});
    while (rounds.next())
        co_await write(ends.client, buffer);
    ends.client.close();
    co_await receiving.join();
}

void tcp_stream(benchmark::State& state) { run(state, sends); }

void bare_tcp_stream(benchmark::State& state) {
    enum : std::uint64_t { sent, received };
    const std::vector<char> ours(static_cast<std::size_t>(state.range(0)));
    std::vector<char> theirs(receive_size);
    const auto ends = bare::tcp_pair();
    bare::ring ring;
    const auto send = [&] { ring.send(ends.client, ours.data(), ours.size(), MSG_WAITALL, sent); };
    const auto receive = [&] { ring.recv(ends.server, theirs.data(), theirs.size(), 0, received); };
    receive();
    send();

    rounds rounds(state, ring, {.bytes = state.range(0)});
    for (bool over = !rounds.next(); !over;) {
        ring.iterate([&](std::uint64_t what, int result) {
            bare::check(result > 0, "a stream");
            if (what == received) {
                receive();
            } else {
                over = !rounds.next();
                send();
            }
        });
    }
}

void sizes_of_sends(benchmark::internal::Benchmark* benchmark) {
    benchmark->Arg(64)->Arg(1024)->Arg(16 << 10)->Arg(64 << 10)->Arg(256 << 10)->Arg(1 << 20)->UseRealTime();
}

BENCHMARK(tcp_stream)->Apply(sizes_of_sends);
BENCHMARK(bare_tcp_stream)->Name("bare/tcp_stream")->Apply(sizes_of_sends);

}  // namespace
}  // namespace coil::bench
