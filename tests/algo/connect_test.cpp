// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/algo/connect.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <netinet/tcp.h>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <coil/algo/timeout.hpp>
#include <coil/io/sleep.hpp>
#include <coil/sync/when_any.hpp>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

tcp::endpoint at(const char* text) { return tcp::endpoint(ip::make_endpoint(text)); }

const tcp::endpoint six = at("[2001:db8::6]:80");
const tcp::endpoint other_six = at("[2001:db8::66]:80");
const tcp::endpoint four = at("192.0.2.4:80");
const tcp::endpoint other_four = at("192.0.2.44:80");

// connect() of a range, on the scripted kernel.
class ConnectRace : public testing::Test {
protected:
    std::optional<scripted_context> context{std::in_place};
    ring::scripted_kernel& script = context->script();
    std::vector<tcp::endpoint> both{six, four};

    // The destination of a connect's SQE. The SQE and its address are valid while the connect is in flight.
    static tcp::endpoint peer_of(const ring::submission& operation) {
        return tcp::endpoint(ip::endpoint::from_sockaddr(reinterpret_cast<const void*>(operation.sqe().addr),
                                                         static_cast<socklen_t>(operation.sqe().off)));
    }
    // Completes the attempt to `peer`, which must be in flight.
    void answer(const tcp::endpoint& peer, int result) {
        for (const auto& each: script.in_flight(IORING_OP_CONNECT))
            if (peer_of(each) == peer)
                return script.answer(each, result);
        ADD_FAILURE() << peer << " has no attempt in flight";
    }
    [[nodiscard]] std::string attempts_in_flight() const {
        std::string list;
        for (const auto& each: script.in_flight(IORING_OP_CONNECT))
            list.append(list.empty() ? "" : ", ").append(peer_of(each).to_string());
        return list;
    }
    [[nodiscard]] time_point::duration elapsed() const { return script.now() - begin; }
    void after(time_point::duration from_now, const tcp::endpoint& peer, int result) {
        script.after(from_now, [=, this] { answer(peer, result); });
    }

    const time_point begin = script.now();
};

// ---- the winner -------------------------------------------------------------------------------------------

TEST_F(ConnectRace, ReturnsFirstConnected) {
    after(100ms, six, 0);
    context->run([&]() -> task<> {
        tcp::socket socket = co_await connect(*context, both);
        EXPECT_EQ(socket.remote_endpoint(), six);
        EXPECT_EQ(elapsed(), 100ms);
    });
    EXPECT_EQ(script.submitted(IORING_OP_CONNECT), 1u);
}

TEST_F(ConnectRace, StartsNextWhileSlowOneContinues) {
    script.after(249ms, [&] { EXPECT_EQ(attempts_in_flight(), "[2001:db8::6]:80"); });
    script.after(251ms, [&] { EXPECT_EQ(attempts_in_flight(), "[2001:db8::6]:80, 192.0.2.4:80"); });
    after(300ms, six, 0);
    context->run([&]() -> task<> {
        tcp::socket socket = co_await connect(*context, both);
        EXPECT_EQ(socket.remote_endpoint(), six);
        EXPECT_EQ(script.open_descriptors().size(), 1u) << "the loser is closed";
    });
    EXPECT_TRUE(script.in_flight(IORING_OP_CONNECT).empty());
}

TEST_F(ConnectRace, SecondAttemptCanWin) {
    after(280ms, four, 0);
    context->run([&]() -> task<> {
        tcp::socket socket = co_await connect(*context, both);
        EXPECT_EQ(socket.remote_endpoint(), four);
        EXPECT_EQ(script.open_descriptors().size(), 1u);
    });
}

// A name may resolve to thousands of unreachable addresses.
TEST_F(ConnectRace, LimitsConcurrentAttemptsToEight) {
    std::vector<tcp::endpoint> many;
    for (std::uint16_t port = 1; port <= 1000; ++port)
        many.emplace_back(ip::address_v4({192, 0, 2, 1}), port);
    const auto count = [&] { return script.in_flight(IORING_OP_CONNECT).size(); };
    script.after(60s, [&] { EXPECT_EQ(count(), 8u); });
    after(70s, many[3], -ETIMEDOUT);
    script.after(70s + 1ms, [&] { EXPECT_EQ(peer_of(script.in_flight(IORING_OP_CONNECT).back()), many[8]); });
    script.after(80s, [&] { EXPECT_EQ(count(), 8u); });
    after(90s, many[8], 0);
    context->run([&]() -> task<> {
        tcp::socket socket = co_await connect(*context, many);
        EXPECT_EQ(socket.remote_endpoint(), many[8]);
        EXPECT_EQ(script.open_descriptors().size(), 1u);
    });
}

TEST_F(ConnectRace, ErrorTextNamesEightEndpoints) {
    std::vector<tcp::endpoint> many;
    for (std::uint16_t port = 1; port <= 1000; ++port)
        many.emplace_back(ip::address_v4({192, 0, 2, 1}), port);
    script.answer_every(IORING_OP_CONNECT, -ECONNREFUSED);
    context->run([&]() -> task<> {
        try {
            co_await connect(*context, many);
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            const std::string_view text = failure.what();
            EXPECT_NE(text.find("192.0.2.1:8 "), text.npos) << text;
            EXPECT_EQ(text.find("192.0.2.1:9 "), text.npos) << text;
            EXPECT_NE(text.find(" and 992 more"), text.npos) << text;
        }
    });
    EXPECT_EQ(script.submitted(IORING_OP_CONNECT), 1000u);
}

TEST_F(ConnectRace, StartsNextImmediatelyAfterFailure) {
    after(10ms, six, -ECONNREFUSED);
    after(20ms, four, 0);
    context->run([&]() -> task<> {
        tcp::socket socket = co_await connect(*context, both);
        EXPECT_EQ(socket.remote_endpoint(), four);
        EXPECT_EQ(elapsed(), 20ms);
    });
}

TEST_F(ConnectRace, FailureRestartsDelay) {
    const std::vector<tcp::endpoint> three{six, four, other_six};
    after(200ms, six, -ECONNREFUSED);
    script.after(449ms, [&] { EXPECT_EQ(attempts_in_flight(), "192.0.2.4:80"); });
    script.after(451ms, [&] { EXPECT_EQ(attempts_in_flight(), "192.0.2.4:80, [2001:db8::66]:80"); });
    after(500ms, four, 0);
    context->run([&]() -> task<> { static_cast<void>(co_await connect(*context, three)); });
}

TEST_F(ConnectRace, AlternatesAddressFamilies) {
    const std::array all{four, other_four, at("192.0.2.45:80"), six, other_six};
    std::string order;
    script.after(10min, [&] { order = attempts_in_flight(); });
    script.after(11min, [&] { answer(other_six, 0); });
    context->run([&]() -> task<> {
        tcp::socket socket = co_await connect(*context, std::span(all));
        EXPECT_EQ(socket.remote_endpoint(), other_six);
        EXPECT_EQ(script.open_descriptors().size(), 1u);
    });
    EXPECT_EQ(order, "192.0.2.4:80, [2001:db8::6]:80, 192.0.2.44:80, [2001:db8::66]:80, 192.0.2.45:80");
}

TEST_F(ConnectRace, UsesAttemptDelayOption) {
    script.after(9ms, [&] { EXPECT_EQ(attempts_in_flight(), "[2001:db8::6]:80"); });
    after(11ms, four, 0);
    context->run([&]() -> task<> {
        tcp::socket socket = co_await connect(*context, both, {.attempt_delay = 10ms});
        EXPECT_EQ(socket.remote_endpoint(), four);
    });
}

TEST_F(ConnectRace, ZeroDelayStartsAll) {
    after(1ms, four, 0);
    context->run(
        [&]() -> task<> { static_cast<void>(co_await connect(*context, both, {.attempt_delay = 0ms})); });
    EXPECT_EQ(script.submitted(IORING_OP_CONNECT), 2u);
}

TEST_F(ConnectRace, ClosesLoserConnectedInSameBatch) {
    script.after(300ms, [&] {
        answer(four, 0);
        answer(six, 0);
    });
    context->run([&]() -> task<> {
        tcp::socket socket = co_await connect(*context, both);
        EXPECT_EQ(socket.remote_endpoint(), four) << "the first completion wins";
        EXPECT_EQ(script.open_descriptors().size(), 1u);
    });
}

TEST_F(ConnectRace, ClosesLoserConnectedDuringCancel) {
    script.when_cancelled_later(0);
    after(300ms, four, 0);
    context->run([&]() -> task<> {
        tcp::socket socket = co_await connect(*context, both);
        EXPECT_EQ(socket.remote_endpoint(), four);
        EXPECT_EQ(script.open_descriptors().size(), 1u);
    });
}

// ---- no winner --------------------------------------------------------------------------------------------

TEST_F(ConnectRace, ErrorTextNamesEveryFailure) {
    after(10ms, six, -ENETUNREACH);
    after(20ms, four, -ECONNREFUSED);
    context->run([&]() -> task<> {
        try {
            static_cast<void>(co_await connect(*context, both));
            ADD_FAILURE() << "it was connected";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::connection_refused);
            EXPECT_EQ(std::string_view(failure.what()),
                      "connect to [2001:db8::6]:80 (Network is unreachable), "
                      "192.0.2.4:80 (Connection refused): Connection refused");
        }
    });
    EXPECT_TRUE(script.open_descriptors().empty());
}

TEST_F(ConnectRace, PrefersRemoteErrorOverLocalError) {
    struct row {
        int first, second;
        std::errc expected;
    };
    for (const auto& [first, second, expected]:
         {row{-ECONNREFUSED, -ENETUNREACH, std::errc::connection_refused},
          row{-ECONNREFUSED, -ETIMEDOUT, std::errc::timed_out},
          row{-EAFNOSUPPORT, -EHOSTUNREACH, std::errc::host_unreachable},
          row{-EAFNOSUPPORT, -EADDRNOTAVAIL, std::errc::address_not_available}}) {
        context->run([&]() -> task<> {
            context->answer_next(first);
            context->answer_next(second);
            auto [ec, socket] = co_await as_tuple(connect(*context, both));
            EXPECT_EQ(ec, expected);
            EXPECT_FALSE(socket.is_open());
        });
    }
}

TEST_F(ConnectRace, SingleEndpointErrorReadsAsConnect) {
    const std::vector<tcp::endpoint> one{four};
    context->run([&]() -> task<> {
        context->answer_next(-ECONNREFUSED);
        try {
            static_cast<void>(co_await connect(*context, one));
            ADD_FAILURE() << "it was connected";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(std::string_view(failure.what()), "connect to 192.0.2.4:80: Connection refused");
        }
    });
}

TEST_F(ConnectRace, EmptyRangeIsNotFound) {
    context->run([&]() -> task<> {
        const std::vector<tcp::endpoint> none;
        try {
            static_cast<void>(co_await connect(*context, none));
            ADD_FAILURE() << "it was connected";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::not_found);
            EXPECT_EQ(std::string_view(failure.what()), "connect to an empty list of endpoints: not found");
        }
        auto [ec, socket] = co_await as_tuple(connect(*context, none));
        EXPECT_EQ(ec, error::not_found);
    });
}

TEST_F(ConnectRace, ReportsDescriptorLimit) {
    std::size_t ended = 0;
    const auto steps = fail_at_every_step(EMFILE, [&](scripted_context& failing) {
        failing.script().answer_every(IORING_OP_CONNECT, 0);
        failing.run([&]() -> task<> {
            auto [ec, socket] = co_await as_tuple(connect(failing, both));
            EXPECT_TRUE(!ec || ec == std::errc::too_many_files_open);
            EXPECT_EQ(!ec, socket.is_open());
            ++ended;
        });
    });
    EXPECT_GE(steps, 2u);
    EXPECT_GE(ended, 2u);
}

// ---- options ----------------------------------------------------------------------------------------------

TEST_F(ConnectRace, PreparesEachSocketBeforeConnect) {
    after(300ms, four, 0);
    int prepared = 0;
    context->run([&]() -> task<> {
        auto prepare = [&](tcp::socket& socket) {
            socket.set_option(tcp::no_delay(true));
            EXPECT_EQ(script.descriptor(socket.native_handle()).family, prepared++ == 0 ? AF_INET6 : AF_INET);
        };
        tcp::socket socket = co_await connect(*context, both, prepare);
        EXPECT_TRUE(
            script.descriptor(socket.native_handle()).options.contains(std::pair(IPPROTO_TCP, TCP_NODELAY)));
    });
    EXPECT_EQ(prepared, 2);
}

TEST_F(ConnectRace, PrepareErrorFailsThatEndpoint) {
    after(10ms, four, 0);
    context->run([&]() -> task<> {
        auto prepare = [](tcp::socket& socket) {
            if (socket.local_endpoint().address().is_v6())
                throw std::system_error(detail::system_error_code(EPERM), "not this one");
        };
        tcp::socket socket = co_await connect(*context, both, prepare);
        EXPECT_EQ(socket.remote_endpoint(), four);
        EXPECT_EQ(script.open_descriptors().size(), 1u);
        auto [ec, none] = co_await as_tuple(connect(*context, std::array{six, other_six}, prepare));
        EXPECT_EQ(ec, std::errc::operation_not_permitted);
    });
    EXPECT_TRUE(script.open_descriptors().empty());
}

TEST_F(ConnectRace, LogicErrorInPrepareEndsRace) {
    int calls = 0;
    auto prepare = [&](tcp::socket&) {
        if (++calls == 2)
            throw std::logic_error("a bug");
    };
    context->run([&]() -> task<> {
        try {
            auto [ec, socket] = co_await as_tuple(connect(*context, both, prepare));
            ADD_FAILURE() << ec;
        } catch (const std::logic_error& bug) {
            EXPECT_EQ(std::string_view(bug.what()), "a bug");
        }
        calls = 1;
        try {
            static_cast<void>(co_await connect(*context, both, prepare));
            ADD_FAILURE() << "it was connected";
        } catch (const std::logic_error&) {}
    });
    EXPECT_TRUE(script.open_descriptors().empty());
}

TEST_F(ConnectRace, MovesPrepareFunction) {
    context->run([&]() -> task<> {
        const auto counted = std::make_shared<int>(0);
        const auto prepare = [counted](tcp::socket&) { ++*counted; };
        context->answer_next(-ECONNREFUSED);
        context->answer_next(0);
        auto connecting = connect(*context, both, connect_options(), prepare);
        static_cast<void>(co_await std::move(connecting));
        EXPECT_EQ(*counted, 2);
    });
}

// ---- stops and deadlines ----------------------------------------------------------------------------------

TEST_F(ConnectRace, DeadlineEndsRace) {
    context->run([&]() -> task<> {
        after(300ms, six, -ECONNREFUSED);
        try {
            static_cast<void>(co_await timeout(connect(*context, both), 1s));
            ADD_FAILURE() << "it was connected";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::timed_out);
            EXPECT_EQ(std::string_view(failure.what()),
                      "connect to [2001:db8::6]:80 (Connection refused), 192.0.2.4:80: the deadline passed");
        }
        EXPECT_TRUE(script.open_descriptors().empty());
        EXPECT_LE(elapsed(), 1001ms);
    });
}

// Deadlines before, between and after the starts of the attempts.
TEST_F(ConnectRace, StopsAtAnyPoint) {
    for (const auto when: {0ms, 1ms, 249ms, 250ms, 251ms, 400ms, 500ms, 501ms, 10'000ms}) {
        const std::vector<tcp::endpoint> three{six, four, other_six};
        context->run([&]() -> task<> {
            auto [ec, socket] = co_await as_tuple(timeout(connect(*context, three), when));
            EXPECT_EQ(ec, error::timed_out);
            EXPECT_FALSE(socket.is_open());
        });
        EXPECT_TRUE(script.open_descriptors().empty()) << when.count();
        EXPECT_TRUE(script.in_flight(IORING_OP_CONNECT).empty());
    }
}

TEST_F(ConnectRace, ConnectionBeatsDeadline) {
    script.when_cancelled(-ECANCELED);
    script.when_cancelled(0);
    context->run([&]() -> task<> {
        tcp::socket socket = co_await timeout(connect(*context, both), 1s);
        EXPECT_EQ(socket.remote_endpoint(), four);
        EXPECT_EQ(script.open_descriptors().size(), 1u);
    });
}

TEST_F(ConnectRace, StopDoesNotHideFailures) {
    context->run([&]() -> task<> {
        context->answer_next(-ECONNREFUSED);
        script.when_cancelled(-ECONNREFUSED);
        auto [ec, socket] = co_await as_tuple(timeout(connect(*context, both), 1s));
        EXPECT_EQ(ec, error::connection_refused);
    });
}

TEST_F(ConnectRace, StoppedScopeSubmitsNothing) {
    context->run([&]() -> task<> {
        (co_await own_environment).request_stop();
        auto [ec, socket] = co_await as_tuple(connect(*context, both));
        EXPECT_EQ(ec, error::operation_aborted);
        const std::vector<tcp::endpoint> none;
        auto [empty_ec, nothing] = co_await as_tuple(connect(*context, none));
        EXPECT_EQ(empty_ec, error::operation_aborted);
    });
    EXPECT_TRUE(script.history().empty());
}

TEST_F(ConnectRace, CanLoseWhenAny) {
    context->run([&]() -> task<> {
        auto race = co_await when_any(connect(*context, both), sleep_for(300ms));
        EXPECT_EQ(race.index(), 1u);
        EXPECT_EQ(race.get<0>().error(), error::operation_aborted);
    });
    EXPECT_TRUE(script.open_descriptors().empty());
}

TEST_F(ConnectRace, DestructionClosesAll) {
    auto connecting =
        context->spawn([&]() -> task<> { static_cast<void>(co_await connect(*context, both)); });
    script.after(300ms, [&] {
        EXPECT_EQ(attempts_in_flight(), "[2001:db8::6]:80, 192.0.2.4:80");
        context->io().stop();
    });
    context->run();
    context->destroy();
}

// ---- the real kernel --------------------------------------------------------------------------------------

class ConnectLoopback : public testing::Test {
protected:
    real_context context;

    [[nodiscard]] std::optional<tcp::acceptor> listen(const ip::address& address) {
        try {
            return tcp::acceptor(context, {address, 0});
        } catch (const std::system_error&) {
            return std::nullopt;  // no IPv6
        }
    }
    // A port without a listener.
    [[nodiscard]] tcp::endpoint closed(const ip::address& address) {
        tcp::socket bound(context, tcp::endpoint(address, 0));
        return bound.local_endpoint();
    }
};

TEST_F(ConnectLoopback, FallsBackToOtherFamily) {
    auto acceptor = listen(ip::address_v4::loopback());
    const tcp::endpoint refusing(ip::address_v6::loopback(), acceptor->local_endpoint().port());
    context.run([&]() -> task<> {
        const std::array endpoints{refusing, acceptor->local_endpoint()};
        tcp::socket socket = co_await connect(context, endpoints);
        EXPECT_EQ(socket.remote_endpoint(), acceptor->local_endpoint());
        const auto peer = co_await acceptor->accept();
        EXPECT_EQ(peer.remote_endpoint(), socket.local_endpoint());
    });
}

TEST_F(ConnectLoopback, TakesIPv6IfListedFirst) {
    auto six_acceptor = listen(ip::address_v6::loopback());
    auto four_acceptor = listen(ip::address_v4::loopback());
    if (!six_acceptor)
        GTEST_SKIP() << "no IPv6 on the loopback";
    context.run([&]() -> task<> {
        const std::array endpoints{six_acceptor->local_endpoint(), four_acceptor->local_endpoint()};
        tcp::socket socket = co_await connect(context, endpoints);
        EXPECT_EQ(socket.remote_endpoint(), endpoints[0]);
    });
}

TEST_F(ConnectLoopback, ErrorNamesAllRefusals) {
    const std::array endpoints{closed(ip::address_v4::loopback()), closed(ip::address_v4({127, 0, 0, 2}))};
    context.run([&]() -> task<> {
        try {
            static_cast<void>(co_await connect(context, endpoints));
            ADD_FAILURE() << "it was connected";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::connection_refused);
            for (const tcp::endpoint& each: endpoints)
                EXPECT_NE(std::string(failure.what()).find(each.to_string() + " (Connection refused)"),
                          std::string::npos)
                    << failure.what();
        }
    });
}

// The kernel drops the SYN if the accept queue is full.
TEST_F(ConnectLoopback, SkipsSilentEndpoint) {
    tcp::acceptor full(context);
    full.open();
    full.bind({ip::address_v4::loopback(), 0});
    full.listen(0);
    tcp::acceptor open(context, {ip::address_v4::loopback(), 0});
    context.run([&]() -> task<> {
        // Fill the accept queue until a connect times out.
        std::vector<tcp::socket> fill;
        for (std::error_code ec; !ec && fill.size() < 64;) {
            fill.emplace_back(context);
            auto outcome = co_await as_tuple(timeout(fill.back().connect(full.local_endpoint()), 50ms));
            ec = outcome.error();
        }
        const std::array endpoints{full.local_endpoint(), open.local_endpoint()};
        tcp::socket socket = co_await connect(context, endpoints, {.attempt_delay = 10ms});
        EXPECT_EQ(socket.remote_endpoint(), open.local_endpoint());
        const std::array silent{full.local_endpoint()};
        auto [ec, none] = co_await as_tuple(timeout(connect(context, silent), 20ms));
        EXPECT_EQ(ec, error::timed_out);
    });
}

}  // namespace
}  // namespace coil::test
