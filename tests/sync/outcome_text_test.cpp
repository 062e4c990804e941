// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <coil/algo/timeout.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/stop_when.hpp>
#include <coil/io/sleep.hpp>
#include <coil/sync/channel.hpp>
#include <coil/sync/one_shot.hpp>
#include <coil/sync/task_group.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/sync/when_any.hpp>

#include "support/scripted_context.hpp"
#include "sync/errors.hpp"

// value() of an outcome throws the exception that the await would have thrown, with its class and text.
// Regression: a race threw a new std::system_error with the code alone: ": Connection refused".

namespace coil::test {
namespace {

using namespace std::chrono_literals;

class protocol_error : public std::system_error {
public:
    using std::system_error::system_error;
};

task<int> fail() {
    co_await yield();
    throw protocol_error(broken, "line 7");
}

/// Returns class and text of the exception that `attempt` throws.
std::string what_ends(const std::function<void()>& attempt) {
    try {
        attempt();
    } catch (const protocol_error& failure) {
        return std::string("protocol_error ") + failure.what();
    } catch (const transfer_error& failure) {
        return std::string("transfer_error ") + failure.what();
    } catch (const std::system_error& failure) {
        return std::string("system_error ") + failure.what();
    }
    return "nothing";
}

auto never() { return sleep_for(24h); }

class OutcomeText : public testing::Test {
protected:
    /// Checks the exception in the outcomes of all adapters and combinators of `make`.
    template <class Make>
    task<> expect_everywhere(Make make, std::string expected) {
        const auto check = [&](const char* how, auto& outcome) {
            EXPECT_EQ(what_ends([&] { outcome.value(); }), expected) << how;
        };
        auto plain = co_await as_tuple(make());
        check("as_tuple", plain);
        auto shielded = co_await as_tuple(shield(make()));
        check("shield", shielded);
        auto in_time = co_await as_tuple(timeout(make(), 1h));
        check("timeout", in_time);
        auto stoppable = co_await as_tuple(stop_when(make(), source_.get_token()));
        check("stop_when", stoppable);
        auto any = co_await when_any(make(), never());
        check("when_any", any.template get<0>());
        std::error_code ec;
        auto redirected = co_await when_any(redirect_error(make(), ec), never());
        check("redirect_error", redirected.template get<0>());
        auto first = co_await as_tuple(first_success(make(), make()));
        check("first_success", first);
        auto all = co_await as_tuple(when_all(make(), never()));
        check("when_all", all);
        auto each = co_await when_all(as_tuple(make()), yield());
        check("as_tuple in when_all", std::get<0>(each));
        std::vector<decltype(make())> many;
        many.push_back(make());
        many.push_back(make());
        auto range = co_await when_any(std::move(many));
        check("range", range.winner());
    }

    scripted_context context_;
    inplace_stop_source source_;
    channel<int> empty_{1};
};

TEST_F(OutcomeText, KeepsTheExceptionOfATask) {
    context_.run([&]() -> task<> {
        co_await expect_everywhere(fail, "protocol_error line 7: Broken pipe");
        auto in_group = co_await as_tuple(with_group([](task_group&) { return fail(); }));
        EXPECT_EQ(what_ends([&] { in_group.value(); }), "protocol_error line 7: Broken pipe");
        auto joined = co_await as_tuple(co_spawn(context_.io(), fail).join());
        EXPECT_EQ(what_ends([&] { joined.value(); }), "protocol_error line 7: Broken pipe");
        one_shot<int> promised;
        promised.get_completer().set_exception(std::make_exception_ptr(protocol_error(broken, "line 7")));
        auto waited = co_await as_tuple(promised.wait());
        EXPECT_EQ(what_ends([&] { waited.value(); }), "protocol_error line 7: Broken pipe");
    });
}

TEST_F(OutcomeText, NamesTheOperationAndItsPeer) {
    const tcp::endpoint peer(ip::address_v4({192, 0, 2, 1}), 80);
    context_.script().answer_every(IORING_OP_CONNECT, -ECONNREFUSED);
    std::deque<tcp::socket> sockets;
    context_.run([&]() -> task<> {
        const auto connect_again = [&] { return sockets.emplace_back(context_.io()).connect(peer); };
        co_await expect_everywhere(connect_again, "system_error connect to 192.0.2.1:80: Connection refused");
    });
}

// As in the server of the tutorial, whose task races against a signal.
TEST_F(OutcomeText, NamesOperationAndPeerWithinATask) {
    const tcp::endpoint peer(ip::address_v4({192, 0, 2, 1}), 80);
    context_.answer_next(-ECONNREFUSED);
    const auto serve = [&]() -> task<> {
        tcp::socket socket(context_.io());
        co_await socket.connect(peer);
    };
    context_.run([&]() -> task<> {
        auto first = co_await when_any(serve(), never());
        EXPECT_EQ(what_ends([&] { first.get<0>().value(); }),
                  "system_error connect to 192.0.2.1:80: Connection refused");
    });
}

TEST_F(OutcomeText, KeepsTransferError) {
    auto socket = context_.connected_socket();
    context_.script().answer_every(IORING_OP_RECV, -ECONNRESET);
    context_.run([&]() -> task<> {
        std::array<char, 10> buffer;
        auto race = co_await when_any(socket.recv(buffer), never());
        EXPECT_EQ(what_ends([&] { race.get<0>().value(); }),
                  "transfer_error recv (peer 127.0.0.1:7777): Connection reset by peer");
    });
}

// Regression: if a task failed after its deadline had fired, its exception was replaced by a plain
// system_error with the same code.
TEST_F(OutcomeText, FiredDeadlineKeepsTheException) {
    const auto late = []() -> task<> {
        std::ignore = co_await as_tuple(sleep_for(24h));
        throw protocol_error(broken, "line 7");
    };
    context_.run([&]() -> task<> {
        auto outcome = co_await as_tuple(timeout(late(), 1ms));
        EXPECT_EQ(what_ends([&] { outcome.value(); }), "protocol_error line 7: Broken pipe");
        std::string thrown;
        try {
            co_await timeout(late(), 1ms);
        } catch (const protocol_error& failure) {
            thrown = failure.what();
        }
        EXPECT_EQ(thrown, "line 7: Broken pipe");
    });
}

TEST_F(OutcomeText, DeadlineNamesTheOperation) {
    context_.run([&]() -> task<> {
        auto race = co_await when_any(timeout(empty_.receive(), 1ms), empty_.receive());
        EXPECT_EQ(what_ends([&] { race.get<0>().value(); }),
                  "system_error receive from a channel: the deadline passed");
    });
}

TEST_F(OutcomeText, DeadlineInATupleAllocatesNothing) {
    context_.run([&]() -> task<> {
        auto outcome = co_await as_tuple(timeout(empty_.receive(), 1ms));
        EXPECT_EQ(outcome.error(), error::timed_out);
        EXPECT_FALSE(outcome.exception());
    });
}

TEST(Outcome, WithoutATextHasOnlyTheMessage) {
    const outcome<std::size_t> transfer(broken, 5);
    EXPECT_EQ(what_ends([&] { transfer.value(); }), "transfer_error Broken pipe");
    const outcome<void> other(broken);
    EXPECT_EQ(what_ends([&] { other.value(); }), "system_error Broken pipe");
}

// A structured binding can't call value(), so it drops the exception when it moves the value out: some
// compilers skip the destructor of the bound temporary.
TEST(Outcome, BoundTemporaryDropsTheException) {
    const auto thrown = std::make_exception_ptr(protocol_error(broken, "line 7"));
    outcome<int> failed(broken, 0, thrown);
    std::ignore = get<0>(std::move(failed));
    EXPECT_FALSE(failed.exception());
}

}  // namespace
}  // namespace coil::test
