// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Runs many connections on one loop. Deadlines, stops, cancels and closes hit all kinds of operations at
// random moments, on sockets with small buffers and with default buffers. The value of each byte depends on
// its position in the stream, so that every byte can be checked. The loop must not stall, every task must
// end, and every descriptor must be closed at the end.
//
//     cancel_storm [seconds = 4] [connections = 200] [seed = 1]

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <span>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <coil/coil.hpp>

using coil::ip::tcp;
using coil::ip::udp;
using namespace std::chrono_literals;

namespace {

// The limit must be generous, because a busy machine with sanitizers may delay a thread for seconds. A lost
// cancel, which the limit must detect, blocks an operation forever.
constexpr auto time_limit = 15s;

using clock_type = std::chrono::steady_clock;

std::int64_t now_ns() { return clock_type::now().time_since_epoch().count(); }

/// The await in which a task is suspended, and the await's time limit. The watchdog thread reads these
/// values.
struct activity {
    std::atomic<const char*> what{nullptr};
    std::atomic<std::int64_t> due{0};  // the time by which the await must have ended; 0 means no limit
};

class registry {
public:
    explicit registry(std::size_t size) : all_(size) {}

    /// Claims and returns the first free entry.
    activity& enter() {
        for (activity& each: all_) {
            if (!each.what.load(std::memory_order_relaxed)) {
                each.what = "running";
                return each;
            }
        }
        std::fprintf(stderr, "more activities than expected\n");
        std::_Exit(1);
    }

    [[nodiscard]] bool has_overdue() const {
        const auto now = now_ns();
        for (const activity& each: all_)
            if (const auto due = each.due.load(); due != 0 && due < now)
                return true;
        return false;
    }

    void print() const {
        std::map<std::string, int> counts;
        for (const activity& each: all_)
            if (const char* what = each.what.load())
                ++counts[std::string(what) + (each.due != 0 && each.due < now_ns() ? " (overdue)" : "")];
        for (const auto& [what, count]: counts)
            std::fprintf(stderr, "  %d in %s\n", count, what.c_str());
    }

private:
    std::vector<activity> all_;
};

class activity_scope {
public:
    explicit activity_scope(registry& in) : entry_(in.enter()) {}
    activity_scope(const activity_scope&) = delete;
    ~activity_scope() { entry_.due = 0, entry_.what = nullptr; }

    void begin(const char* what) {
        entry_.what = what;
        entry_.due = now_ns() + std::chrono::nanoseconds(time_limit).count();
    }
    void end() { entry_.due = 0, entry_.what = "running"; }

private:
    activity& entry_;
};

[[noreturn]] void fail(const char* text) {
    std::fprintf(stderr, "cancel_storm: %s\n", text);
    std::_Exit(1);
}

/// Returns the byte expected at this position in any stream.
std::uint8_t byte_at(std::uint64_t place) { return static_cast<std::uint8_t>(place * 2654435761u >> 13); }

struct storm {
    coil::io_context& context;
    tcp::acceptor acceptor;
    registry activities;
    std::mt19937 random;
    std::size_t sides_max;
    bool over = false;
    std::size_t sides = 0;  // the number of sides that are currently running
    std::atomic<std::uint64_t> beats{0};

    std::uint64_t operations = 0, cancelled = 0, bytes = 0, connections = 0, datagrams = 0;

    unsigned pick(unsigned below) { return static_cast<unsigned>(random() % below); }
    std::chrono::microseconds moment() {
        return std::chrono::microseconds(20 + pick(pick(4) == 0 ? 20'000 : 1'500));
    }

    void count(std::error_code error) {
        ++operations;
        cancelled += error == coil::error::timed_out || error == coil::error::operation_aborted;
    }
};

/// Closes a socket, and fails if the close gives up. A close normally takes microseconds. It gives up after 2
/// s if the kernel does not end an operation.
void close(tcp::socket& socket) {
    const auto begin = clock_type::now();
    socket.close();
    if (clock_type::now() - begin >= 2s)
        fail("a close has left an operation in flight");
}

/// Returns true if the stream can continue after this error.
bool can_continue(std::error_code error) {
    return !error || error == coil::error::timed_out || error == coil::error::operation_aborted;
}

/// One end of a connection.
struct side {
    storm& in;
    tcp::socket socket;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;

    void check(const void* data, std::size_t size) {
        const auto* bytes = static_cast<const std::uint8_t*>(data);
        for (std::size_t i = 0; i < size; ++i)
            if (bytes[i] != byte_at(received + i))
                fail("a byte is wrong, lost or duplicated");
        received += size;
        in.bytes += size;
    }
};

coil::task<> receive(side& here) {
    activity_scope now(here.in.activities);
    storm& in = here.in;
    std::vector<std::uint8_t> buffer(40'000);
    while (here.socket.is_open()) {
        const std::span<std::uint8_t> some(buffer.data(), 1 + in.pick(in.pick(3) == 0 ? 40'000 : 500));
        std::error_code error;
        std::size_t n = 0;
        bool is_end = false;
        const auto take = [&](const auto& outcome) {
            error = outcome.error();
            n = outcome.bytes_transferred();
            is_end = !error && n == 0;
        };
        switch (in.pick(8)) {
        case 0:
            now.begin("recv");
            take(co_await coil::as_tuple(here.socket.recv(some)));
            break;
        case 1:
            now.begin("recv with a deadline");
            take(co_await coil::as_tuple(coil::timeout(here.socket.recv(some), in.moment())));
            break;
        case 2:
            now.begin("recv(MSG_WAITALL)");
            take(co_await coil::as_tuple(here.socket.recv(some, coil::message_flags::wait_all)));
            break;
        case 3:
            now.begin("recv(MSG_WAITALL) with a deadline");
            take(co_await coil::as_tuple(
                coil::timeout(here.socket.recv(some, coil::message_flags::wait_all), in.moment())));
            break;
        case 4: {
            const std::size_t half = some.size() / 2;
            const std::array parts{coil::mutable_buffer(some.data(), half),
                                   coil::mutable_buffer(some.data() + half, some.size() - half)};
            now.begin("recv into several with a deadline");
            take(co_await coil::as_tuple(
                coil::timeout(here.socket.recv(coil::mutable_buffers(parts),
                                               coil::message_flags(in.pick(2) ? MSG_WAITALL : 0)),
                              in.moment())));
            break;
        }
        case 5: {
            now.begin("recv(pool) with a deadline");
            auto chunk = co_await coil::as_tuple(coil::timeout(here.socket.recv_chunk(), in.moment()));
            error = chunk.error();
            is_end = !error && chunk->empty();
            here.check(chunk->data(), chunk->size());
            break;
        }
        case 6: {
            auto incoming = here.socket.recv_stream();
            for (unsigned left = in.pick(20); left > 0 && !error && !is_end; --left) {
                now.begin("recv_stream with a deadline");
                auto chunk = co_await coil::as_tuple(coil::timeout(incoming.next(), in.moment()));
                error = chunk.error();
                is_end = !error && !*chunk;
                if (*chunk)
                    here.check((*chunk)->data(), (*chunk)->size());
            }
            break;
        }
        default:
            now.begin("wait for bytes with a deadline");
            error = (co_await coil::as_tuple(
                         coil::timeout(here.socket.wait(tcp::socket::wait_read), in.moment())))
                        .error();
            break;
        }
        now.end();
        here.check(some.data(), n);
        in.count(error);
        if (is_end || !can_continue(error))
            break;
        co_await coil::yield();
    }
}

coil::task<> transmit(side& here) {
    activity_scope now(here.in.activities);
    storm& in = here.in;
    std::vector<std::uint8_t> buffer(200'000);
    while (here.socket.is_open()) {
        const std::size_t size = 1 + in.pick(in.pick(3) == 0 ? 200'000 : 2'000);
        for (std::size_t i = 0; i < size; ++i)
            buffer[i] = byte_at(here.sent + i);
        const coil::const_buffer some(buffer.data(), size);
        std::error_code error;
        const auto take = [&](const auto& outcome) {
            error = outcome.error();
            here.sent += outcome.bytes_transferred();
        };
        switch (in.pick(7)) {
        case 0:
            now.begin("send");
            take(co_await coil::as_tuple(here.socket.send(some)));
            break;
        case 1:
            now.begin("send with a deadline");
            take(co_await coil::as_tuple(coil::timeout(here.socket.send(some), in.moment())));
            break;
        case 2:
            now.begin("send(MSG_WAITALL) with a deadline");
            take(co_await coil::as_tuple(
                coil::timeout(here.socket.send(some, coil::message_flags::wait_all), in.moment())));
            break;
        case 3:
            now.begin("write");
            take(co_await coil::as_tuple(coil::write(here.socket, some)));
            break;
        case 4: {
            const std::array parts{coil::const_buffer(buffer.data(), size / 3),
                                   coil::const_buffer(buffer.data() + size / 3, size - size / 3)};
            now.begin("write of several with a deadline");
            take(co_await coil::as_tuple(
                coil::timeout(coil::write(here.socket, coil::const_buffers(parts)), in.moment())));
            break;
        }
        case 5:
            now.begin("wait for room with a deadline");
            error = (co_await coil::as_tuple(
                         coil::timeout(here.socket.wait(tcp::socket::wait_write), in.moment())))
                        .error();
            break;
        default:
            now.begin("write with a deadline");
            take(co_await coil::as_tuple(coil::timeout(coil::write(here.socket, some), in.moment())));
            break;
        }
        now.end();
        in.count(error);
        if (!can_continue(error))
            break;
        co_await coil::yield();
    }
}

/// Sends and receives on one end of a connection for a while, cancels both directions at random moments, and
/// ends them in one of several ways.
coil::task<> run_side(storm& in, tcp::socket socket) {
    activity_scope now(in.activities);
    ++in.sides;
    side here{in, std::move(socket)};
    if (in.pick(2) == 0) {
        here.socket.set_option(tcp::socket::send_buffer_size(4096));
        here.socket.set_option(tcp::socket::receive_buffer_size(4096));
    }
    auto reader =
        coil::co_spawn(in.context, [](side& at) -> coil::task<> { co_await receive(at); }, std::ref(here));
    auto writer =
        coil::co_spawn(in.context, [](side& at) -> coil::task<> { co_await transmit(at); }, std::ref(here));
    for (unsigned left = in.pick(6); left > 0 && !in.over; --left) {
        co_await coil::sleep_for(in.moment());
        here.socket.cancel();
    }
    if (in.pick(4) == 0)
        co_await coil::yield();  // lets operations begin, so that the next step hits new operations
    else
        co_await coil::sleep_for(in.moment());
    now.begin("close");
    switch (in.pick(4)) {
    case 0: close(here.socket); break;
    case 1:
        here.socket.set_option(tcp::socket::linger(true, 0s));  // makes the close send a reset
        close(here.socket);
        break;
    case 2:
        reader.request_stop();
        writer.request_stop();
        break;
    default:
        here.socket.shutdown(tcp::socket::shutdown_both);
        here.socket.cancel();
        reader.request_stop();
        writer.request_stop();
        break;
    }
    std::error_code ignored;
    now.begin("join of the reader");
    co_await coil::redirect_error(reader.join(), ignored);
    now.begin("join of the writer");
    co_await coil::redirect_error(writer.join(), ignored);
    now.begin("close");
    close(here.socket);
    --in.sides;
}

coil::task<> accept_some(storm& in) {
    activity_scope now(in.activities);
    while (!in.over || in.sides > 0) {
        now.begin("accept with a deadline");
        auto accepted = co_await coil::as_tuple(coil::timeout(in.acceptor.accept(), in.moment()));
        now.end();
        in.count(accepted.error());
        if (accepted && in.sides < in.sides_max)
            coil::co_spawn(in.context, run_side(in, std::move(*accepted)), coil::detached);
    }
}

coil::task<> connect_again(storm& in) {
    activity_scope now(in.activities);
    const auto server = in.acceptor.local_endpoint();
    while (!in.over) {
        tcp::socket socket(in.context);
        now.begin("connect with a deadline");
        const auto deadline = in.pick(4) == 0 ? in.moment() : 5'000'000us;
        const auto connected = co_await coil::as_tuple(coil::timeout(socket.connect(server), deadline));
        now.end();
        in.count(connected.error());
        if (connected.error()) {
            co_await coil::yield();
            continue;
        }
        ++in.connections;
        co_await run_side(in, std::move(socket));
    }
}

/// Sends and receives datagrams. Datagrams may be lost, but must not be changed.
coil::task<> exchange_datagrams(storm& in) {
    activity_scope now(in.activities);
    std::array<std::uint8_t, 1000> out, got;
    while (!in.over) {
        udp::socket near(in.context, {coil::ip::address_v4::loopback(), 0});
        udp::socket far(in.context, {coil::ip::address_v4::loopback(), 0});
        for (unsigned left = in.pick(50); left > 0; --left) {
            const std::size_t size = 1 + in.pick(static_cast<unsigned>(out.size()));
            for (std::size_t i = 0; i < size; ++i)
                out[i] = byte_at(size + i);
            const auto check = [&](const std::uint8_t* data, std::size_t n) {
                for (std::size_t i = 0; i < n; ++i)
                    if (data[i] != byte_at(n + i))
                        fail("a datagram is wrong");
                ++in.datagrams;
            };
            const auto to = near.local_endpoint();
            if (in.pick(3) > 0) {
                now.begin("sendto with a deadline");
                in.count((co_await coil::as_tuple(coil::timeout(
                              far.sendto(coil::const_buffer(out.data(), size), to), in.moment())))
                             .error());
            }
            if (in.pick(4) == 0) {
                auto incoming = near.recvfrom_stream();
                now.begin("recvfrom_stream with a deadline");
                auto one = co_await coil::as_tuple(coil::timeout(incoming.next(), in.moment()));
                in.count(one.error());
                if (!one.error() && *one)
                    check(reinterpret_cast<const std::uint8_t*>((*one)->data()), (*one)->size());
            } else {
                now.begin("recvfrom with a deadline");
                auto one = co_await coil::as_tuple(coil::timeout(near.recvfrom(got), in.moment()));
                in.count(one.error());
                if (!one.error())
                    check(got.data(), one->size);
            }
            if (in.pick(8) == 0)
                near.cancel();
        }
        now.end();
    }
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& each: std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

/// Ends the process if the loop stalls or an operation does not end in time.
void watch(const storm& in, const std::atomic<bool>& done) {
    std::uint64_t seen = 0;
    auto changed = clock_type::now();
    while (!done) {
        std::this_thread::sleep_for(20ms);
        const auto beats = in.beats.load();
        if (beats != seen) {
            seen = beats;
            changed = clock_type::now();
        }
        const bool is_stalled = clock_type::now() - changed > time_limit;
        if (!is_stalled && !in.activities.has_overdue())
            continue;
        std::fprintf(stderr, "cancel_storm: %s; activities:\n",
                     is_stalled ? "the loop has stalled" : "an operation does not end");
        in.activities.print();
        std::_Exit(1);
    }
}

void run(std::chrono::seconds length, unsigned connections, unsigned seed) {
    coil::io_context context;
    tcp::acceptor acceptor(context, {coil::ip::address_v4::loopback(), 0});
    const std::size_t sides_max = 4 * connections;
    storm in{context, std::move(acceptor), registry(4 * sides_max + 1000), std::mt19937(seed), sides_max};
    context.on_task_error([&](const coil::task_failure& failure) {
        std::fprintf(stderr, "cancel_storm: %s\n", failure.text.c_str());
        std::_Exit(1);
    });
    const auto spawn = [&](auto task) { coil::co_spawn(context, std::move(task), coil::detached); };
    for (unsigned i = 0; i < connections; ++i)
        spawn(connect_again(in));
    for (unsigned i = 0; i < 8; ++i)
        spawn(accept_some(in));
    for (unsigned i = 0; i < connections / 20 + 1; ++i)
        spawn(exchange_datagrams(in));
    spawn([](storm& of, std::chrono::seconds until) -> coil::task<> {
        const auto end = clock_type::now() + until;
        while (clock_type::now() < end || of.sides > 0) {
            of.over = clock_type::now() >= end;
            ++of.beats;
            co_await coil::sleep_for(5ms);
        }
        of.over = true;
    }(in, length));

    std::atomic<bool> done{false};
    std::thread watchdog([&] { watch(in, done); });
    context.run();
    done = true;
    watchdog.join();

    const auto counts = context.metrics();
    std::printf(
        "%llu connections, %llu operations (%llu cancelled), %llu bytes, %llu datagrams, all correct; "
        "%llu cancels\n",
        static_cast<unsigned long long>(in.connections), static_cast<unsigned long long>(in.operations),
        static_cast<unsigned long long>(in.cancelled), static_cast<unsigned long long>(in.bytes),
        static_cast<unsigned long long>(in.datagrams), counts.cancels);
    if (in.sides != 0)
        fail("a connection did not end");
}

}  // namespace

int main(int count, char** arguments) {
    const auto number = [&](int at, int otherwise) {
        return count > at ? std::atoi(arguments[at]) : otherwise;
    };
    const std::size_t before = open_descriptors();
    run(std::chrono::seconds(number(1, 4)), static_cast<unsigned>(number(2, 200)),
        static_cast<unsigned>(number(3, 1)));
    if (open_descriptors() != before)
        fail("a descriptor was left open");
}
