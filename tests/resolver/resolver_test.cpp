// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/resolver/resolver.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <netdb.h>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <coil/algo/connect.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/io/sleep.hpp>
#include <coil/sync/when_any.hpp>

#include "resolver/name_oracle.hpp"
#include "support/real_context.hpp"
#include "support/small_rings.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

std::string list_of(const tcp::resolver::results_type& found) {
    std::string list;
    for (const tcp::endpoint& each: found)
        list.append(list.empty() ? "" : ", ").append(each.to_string());
    return list;
}

std::string text_of(const std::system_error& failure) { return failure.what(); }

// ---- inline completion ------------------------------------------------------------------------------------

TEST(Resolver, NumericAddressesCompleteInline) {
    name_oracle oracle;
    real_context context;
    tcp::resolver resolver(context);
    bool post_ran = false;
    context.run([&]() -> task<> {
        context.io().post([&] { post_ran = true; });
        EXPECT_EQ(list_of(co_await resolver.resolve("192.0.2.1", "80")), "192.0.2.1:80");
        EXPECT_EQ(list_of(co_await resolver.resolve("2001:db8::1", "443")), "[2001:db8::1]:443");
        EXPECT_EQ(list_of(co_await resolver.resolve("::1", "")), "[::1]:0");
        EXPECT_EQ(list_of(co_await resolver.resolve("fe80::1%lo", "65535")), "[fe80::1%lo]:65535");
        EXPECT_EQ(list_of(co_await resolver.resolve("127.1", "0080")), "127.0.0.1:80");
        const auto name = co_await resolver.resolve(tcp::endpoint(ip::address_v4::loopback(), 80),
                                                    NI_NUMERICHOST | NI_NUMERICSERV);
        EXPECT_EQ(name.host_name(), "127.0.0.1");
        EXPECT_EQ(name.service_name(), "80");
        EXPECT_FALSE(post_ran) << "the await has suspended";
    });
    EXPECT_TRUE(oracle.asked().empty());
}

TEST(Resolver, ResultKeepsTheQuery) {
    real_context context;
    tcp::resolver resolver(context);
    context.run([&]() -> task<> {
        const auto found = co_await resolver.resolve("127.0.0.1", "80", tcp::resolver::canonical_name);
        EXPECT_EQ(found.host_name(), "127.0.0.1");
        EXPECT_EQ(found.service_name(), "80");
        EXPECT_EQ(found.canonical_name(), "127.0.0.1");
        CO_ASSERT_EQ(found.size(), 1u);
        EXPECT_FALSE(found.empty());
        EXPECT_EQ(found.front(), found[0]);
        EXPECT_TRUE((tcp::resolver::results_type().empty()));
    });
}

TEST(Resolver, LimitsResultsToAFamily) {
    real_context context;
    tcp::resolver resolver(context);
    context.run([&]() -> task<> {
        EXPECT_EQ(list_of(co_await resolver.resolve(tcp::v4(), "127.0.0.1", "80")), "127.0.0.1:80");
        auto [ec, none] = co_await as_tuple(resolver.resolve(tcp::v6(), "127.0.0.1", "80"));
        EXPECT_EQ(ec, error::no_address_of_family);
        EXPECT_TRUE(none.empty());
        EXPECT_EQ(list_of(co_await resolver.resolve(tcp::v6(), "127.0.0.1", "80", tcp::resolver::v4_mapped)),
                  "[::ffff:127.0.0.1]:80");
    });
}

TEST(Resolver, PassiveFlagReturnsWildcardAddresses) {
    real_context context;
    tcp::resolver resolver(context);
    context.run([&]() -> task<> {
        EXPECT_EQ(list_of(co_await resolver.resolve(tcp::v4(), "", "80", tcp::resolver::passive)),
                  "0.0.0.0:80");
        EXPECT_EQ(list_of(co_await resolver.resolve(tcp::v6(), "", "", AI_PASSIVE)), "[::]:0");
    });
}

TEST(Resolver, InvalidArgumentsFailInline) {
    struct row {
        std::string_view host, service;
        int flags;
        error::resolver_code code;
        std::string_view words;
    };
    using namespace std::string_view_literals;
    const std::array rows{
        row{"", "80", 0, error::no_host, "resolve \"\" \"80\": no host: name one"},
        row{"127.0.0.1", "65536", 0, error::no_port,
            "resolve \"127.0.0.1\" \"65536\": a port is a number from"},
        row{"127.0.0.1", "99999999999999999999999", 0, error::no_port, "from 0 to 65535"},
        row{"localhost", "-1", 0, error::no_port, "\"-1\""},
        row{"localhost", " 80", 0, error::no_port, "\" 80\""},
        row{"localhost", "+80", 0, error::no_port, "\"+80\""},
        row{"localhost", "http", tcp::resolver::numeric_service, error::no_port, "\"http\""},
        row{"localhost", "http", AI_NUMERICSERV, error::no_port, "\"http\""},
        row{"local\0host"sv, "80", 0, error::no_name, "\"local\\x00host\" \"80\": the name contains a NUL"},
        row{"localhost", "80\0"sv, 0, error::no_name, "a NUL"},
        row{"localhost", "80", AI_NUMERICHOST, error::host_not_found, "resolve \"localhost\" \"80\": "},
        row{"127.0.0.1", "80", 1 << 20, error::wrong_flags, "(the flags are unknown"},
    };
    name_oracle oracle;
    real_context context;
    tcp::resolver resolver(context);
    context.run([&]() -> task<> {
        for (const row& each: rows) {
            try {
                static_cast<void>(co_await resolver.resolve(each.host, each.service, each.flags));
                ADD_FAILURE() << each.words;
            } catch (const std::system_error& failure) {
                EXPECT_EQ(failure.code(), each.code) << each.words;
                EXPECT_NE(text_of(failure).find(each.words), std::string::npos) << failure.what();
            }
        }
    });
    EXPECT_TRUE(oracle.asked().empty());
}

// ---- errors -----------------------------------------------------------------------------------------------

TEST(Resolver, ErrorsOfTheCLibraryHaveCodeAndText) {
    struct row {
        int status;
        error::resolver_code code;
        std::optional<std::errc> means;
    };
    const std::array rows{
        row{EAI_NONAME, error::host_not_found, {}},
        row{EAI_AGAIN, error::host_not_found_try_again, std::errc::resource_unavailable_try_again},
        row{EAI_FAIL, error::no_recovery, {}},
        row{EAI_NODATA, error::no_data, {}},
        row{EAI_FAMILY, error::family_not_supported, std::errc::address_family_not_supported},
        row{EAI_SOCKTYPE, error::socket_type_not_supported, {}},
        row{EAI_SERVICE, error::service_not_found, {}},
        row{EAI_ADDRFAMILY, error::no_address_of_family, {}},
        row{EAI_MEMORY, error::no_memory, std::errc::not_enough_memory},
        row{EAI_BADFLAGS, error::wrong_flags, std::errc::invalid_argument},
        row{EAI_OVERFLOW, error::name_too_long, std::errc::value_too_large},
    };
    name_oracle oracle;
    real_context context;
    tcp::resolver resolver(context);
    context.run([&]() -> task<> {
        for (const row& each: rows) {
            const std::string host = "host" + std::to_string(each.status);
            oracle.answer(host, each.status);
            auto [ec, none] = co_await as_tuple(resolver.resolve(host, "http"));
            EXPECT_EQ(ec, each.code);
            EXPECT_EQ(ec.category(), error::resolver_category());
            EXPECT_EQ(ec.message().find(::gai_strerror(each.status)), 0u) << ec.message();
            if (each.means) {
                EXPECT_EQ(ec, *each.means);
            }
            try {
                static_cast<void>(co_await resolver.resolve(host, "http"));
                ADD_FAILURE() << host;
            } catch (const std::system_error& failure) {
                EXPECT_EQ(text_of(failure), "resolve \"" + host + "\" \"http\": " + ec.message());
            }
        }
    });
}

TEST(Resolver, ReportsSystemErrors) {
    name_oracle oracle;
    oracle.answer("broken", {EAI_SYSTEM, EMFILE});
    real_context context;
    tcp::resolver resolver(context);
    context.run([&]() -> task<> {
        auto [ec, none] = co_await as_tuple(resolver.resolve("broken", "http"));
        EXPECT_EQ(ec, std::errc::too_many_files_open);
        EXPECT_EQ(ec.category(), std::system_category());
        oracle.answer("unspecified", {EAI_SYSTEM, 0});
        auto [unspecified, nothing] = co_await as_tuple(resolver.resolve("unspecified", "http"));
        EXPECT_EQ(unspecified, std::errc::io_error);
    });
}

TEST(Resolver, ErrorsHaveTheirOwnCategory) {
    const std::error_code unknown(12345, error::resolver_category());
    EXPECT_EQ(unknown.message(), "unknown error 12345");
    EXPECT_EQ(std::string(error::resolver_category().name()), "coil.resolver");
    const std::error_code busy = error::resolver_busy;
    EXPECT_EQ(busy, std::errc::resource_unavailable_try_again);
    EXPECT_NE(std::error_code(error::host_not_found), error::not_found);
}

// ---- look-ups ---------------------------------------------------------------------------------------------

TEST(Resolver, KeepsTheOrderOfTheCLibrary) {
    name_oracle oracle;
    oracle.answer("www", name_oracle::answer_given(
                             {ip::make_endpoint("[2001:db8::1]:80"), ip::make_endpoint("192.0.2.1:80")},
                             "host7.example"));
    real_context context;
    tcp::resolver resolver(context);
    context.run([&]() -> task<> {
        const auto found = co_await resolver.resolve("www", "http", tcp::resolver::canonical_name);
        EXPECT_EQ(list_of(found), "[2001:db8::1]:80, 192.0.2.1:80");
        EXPECT_EQ(found.host_name(), "www");
        EXPECT_EQ(found.service_name(), "http");
        EXPECT_EQ(found.canonical_name(), "host7.example");
    });
    EXPECT_EQ(oracle.asked().front(), "www");
}

TEST(Resolver, ReverseLookUpReturnsHostAndService) {
    name_oracle oracle;
    oracle.answer("192.0.2.1:80", 0);
    oracle.answer("192.0.2.2:80", EAI_NONAME);
    real_context context;
    tcp::resolver resolver(context);
    context.run([&]() -> task<> {
        const auto name = co_await resolver.resolve(tcp::endpoint(ip::make_endpoint("192.0.2.1:80")));
        EXPECT_EQ(name.host_name(), "host of 192.0.2.1:80");
        EXPECT_EQ(name.service_name(), "service of 192.0.2.1:80");
        try {
            static_cast<void>(
                co_await resolver.resolve(tcp::endpoint(ip::make_endpoint("192.0.2.2:80")), NI_NAMEREQD));
            ADD_FAILURE() << "it has a name";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::host_not_found);
            EXPECT_EQ(text_of(failure).find("resolve 192.0.2.2:80: "), 0u) << failure.what();
        }
    });
}

TEST(Resolver, DescriptionOwnsItsNames) {
    name_oracle oracle;
    oracle.answer("a name that is not kept anywhere else", "192.0.2.1:80");
    real_context context;
    udp::resolver resolver(context);
    context.run([&]() -> task<> {
        auto look_up =
            resolver.resolve(std::string("a name that is not kept anywhere else"), std::string("http"));
        const auto found = co_await std::move(look_up);
        CO_ASSERT_EQ(found.size(), 1u);
        EXPECT_EQ(found.front(), udp::endpoint(ip::make_endpoint("192.0.2.1:80")));
        (void)resolver.resolve("never", "awaited");
    });
    EXPECT_EQ(oracle.asked().size(), 1u);
}

// Regression: a description pointed to the resolver, which may be moved or destroyed before the await begins.
TEST(Resolver, MayMoveBeforeTheAwait) {
    name_oracle oracle;
    oracle.answer("somewhere", "192.0.2.1:80");
    real_context context;
    context.run([&]() -> task<> {
        auto first = std::make_unique<tcp::resolver>(context);
        auto moved = first->resolve("somewhere", "http");
        auto assigned = first->resolve("somewhere", "http");
        tcp::resolver second(std::move(*first));
        first.reset();
        EXPECT_EQ((co_await std::move(moved)).size(), 1u);
        tcp::resolver third(context);
        third = std::move(second);
        EXPECT_EQ((co_await std::move(assigned)).size(), 1u);
        EXPECT_EQ((co_await second.resolve("somewhere", "http")).size(), 1u)
            << "a moved-from resolver is usable";
    });
}

TEST(Resolver, AbortsADescriptionThatOutlivesIt) {
    name_oracle oracle;
    real_context context;
    context.run([&]() -> task<> {
        std::optional<tcp::resolver> resolver(std::in_place, context);
        auto destroyed = resolver->resolve("somewhere", "http");
        resolver.reset();
        auto [ec, none] = co_await as_tuple(std::move(destroyed));
        EXPECT_EQ(ec, error::operation_aborted);

        tcp::resolver assigned_to(context);
        auto replaced = assigned_to.resolve("somewhere", "http");
        assigned_to = tcp::resolver(context);
        auto [ec2, none2] = co_await as_tuple(std::move(replaced));
        EXPECT_EQ(ec2, error::operation_aborted);
    });
    EXPECT_TRUE(oracle.asked().empty());
}

TEST(Resolver, FewThreadsServeManyLookUps) {
    name_oracle oracle;
    oracle.answer("slow", "192.0.2.1:80");
    real_context context;
    tcp::resolver resolver(context);
    ip::resolver_base::set_options({.threads = 3});
    std::size_t done = 0;
    for (int i = 0; i < 100; ++i)
        context
            .spawn([&]() -> task<> {
                EXPECT_EQ((co_await resolver.resolve("slow", "http")).size(), 1u);
                ++done;
            })
            .detach();
    context.run([&]() -> task<> { co_return; });
    EXPECT_EQ(done, 100u);
    EXPECT_LE(ip::resolver_base::metrics().threads, 4u);
}

// A coroutine other than a task. It starts immediately.
struct foreign_coroutine {
    struct promise_type {
        foreign_coroutine get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { ADD_FAILURE() << "it has thrown"; }
    };
};

foreign_coroutine look_up_and_connect(real_context& context, tcp::resolver& resolver,
                                      tcp::socket& connected) {
    const auto found = co_await resolver.resolve("here", "http");
    connected = co_await connect(context, found);
}

TEST(Resolver, ForeignCoroutineResolvesAndConnects) {
    name_oracle oracle;
    real_context context;
    tcp::resolver resolver(context);
    const tcp::acceptor acceptor(context, {ip::address_v4::loopback(), 0});
    oracle.answer("here", acceptor.local_endpoint().to_string().c_str());
    tcp::socket connected;
    look_up_and_connect(context, resolver, connected);
    context.io().run_for(10s);
    EXPECT_TRUE(context.io().stopped()) << "the waits have not ended";
    EXPECT_EQ(connected.remote_endpoint(), acceptor.local_endpoint());
}

// ---- abandoned look-ups -----------------------------------------------------------------------------------

// Look-ups that hang for as long as the test lasts. The waiter gets its error, and the thread is abandoned.
class HangingResolver : public testing::Test {
protected:
    name_oracle oracle;
    std::optional<real_context> context{std::in_place};
    std::optional<tcp::resolver> resolver{std::in_place, *context};

    // Looks up `host`, and expects this result.
    void expect_end(std::error_code expected, std::string host = "hung") {
        co_spawn(context->io(), wait_for_end(expected, std::move(host)), detached);
        context->poll();
    }
    task<> wait_for_end(std::error_code expected, std::string host) {
        auto [ec, none] = co_await as_tuple(resolver->resolve(host, "http"));
        EXPECT_EQ(ec, expected);
        ++ended;
    }

    int ended = 0;
};

TEST_F(HangingResolver, CancelEndsTheWaitImmediately) {
    expect_end(error::operation_aborted);
    ASSERT_TRUE(oracle.wait_until_asked("hung"));
    resolver->cancel();
    EXPECT_EQ(ended, 0) << "cancel() has resumed the waiter";
    context->poll();
    EXPECT_EQ(ended, 1);
    EXPECT_EQ(ip::resolver_base::metrics().abandoned, 1u);
    resolver->cancel();
}

TEST_F(HangingResolver, EndsWithItsResolver) {
    expect_end(error::operation_aborted);
    ASSERT_TRUE(oracle.wait_until_asked("hung"));
    resolver.reset();
    context->poll();
    EXPECT_EQ(ended, 1);
}

TEST_F(HangingResolver, MovesWithItsResolver) {
    expect_end(error::operation_aborted);
    ASSERT_TRUE(oracle.wait_until_asked("hung"));
    tcp::resolver other(std::move(*resolver));
    resolver->cancel();
    context->poll();
    EXPECT_EQ(ended, 0);
    other = tcp::resolver(*context);
    context->poll();
    EXPECT_EQ(ended, 1);
}

TEST_F(HangingResolver, DoesNotBlockContextDestruction) {
    expect_end(error::operation_aborted);
    ASSERT_TRUE(oracle.wait_until_asked("hung"));
    context.reset();
    EXPECT_EQ(ended, 0);
    EXPECT_EQ(ip::resolver_base::metrics().abandoned, 1u);
    oracle.answer("hung", "192.0.2.1:80");  // too late
    EXPECT_TRUE(name_oracle::eventually([] { return name_oracle::at_work() == 0; }));
}

TEST_F(HangingResolver, TimesOut) {
    context->run([&]() -> task<> {
        try {
            static_cast<void>(co_await timeout(resolver->resolve("hung", "http"), 1ms));
            ADD_FAILURE() << "it was found";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::timed_out);
            EXPECT_EQ(text_of(failure), "resolve \"hung\" \"http\": the deadline passed");
        }
    });
}

TEST_F(HangingResolver, LosesARace) {
    context->run([&]() -> task<> {
        auto race = co_await when_any(resolver->resolve("hung", "http"), sleep_for(1ms));
        EXPECT_EQ(race.index(), 1u);
        EXPECT_EQ(race.get<0>().error(), error::operation_aborted);
    });
}

TEST_F(HangingResolver, EndsWhenItsTaskIsStopped) {
    auto looking_up =
        context->spawn([&]() -> task<> { static_cast<void>(co_await resolver->resolve("hung", "http")); });
    context->poll();
    ASSERT_TRUE(oracle.wait_until_asked("hung"));
    looking_up.request_stop();
    context->run([&]() -> task<> {
        auto [ec] = co_await as_tuple(looking_up.join());
        EXPECT_EQ(ec, error::operation_aborted);
    });
}

TEST_F(HangingResolver, StartsNoLookUpInAStoppedScope) {
    context->run([&]() -> task<> {
        (co_await own_environment).request_stop();
        auto [ec, none] = co_await as_tuple(resolver->resolve("hung", "http"));
        EXPECT_EQ(ec, error::operation_aborted);
        auto [also, nothing] = co_await as_tuple(resolver->resolve("127.0.0.1", "80"));
        EXPECT_EQ(also, error::operation_aborted);
    });
    EXPECT_TRUE(oracle.asked().empty());
}

TEST_F(HangingResolver, DeliversAResultBeforeACancel) {
    int found = 0;
    context
        ->spawn([&]() -> task<> {
            found += static_cast<int>((co_await resolver->resolve("hung", "http")).size());
        })
        .detach();
    context->poll();
    ASSERT_TRUE(oracle.wait_until_asked("hung"));
    oracle.answer("hung", "192.0.2.1:80");
    ASSERT_TRUE(name_oracle::eventually([] { return name_oracle::at_work() == 0; }));
    resolver->cancel();
    context->poll();
    EXPECT_EQ(found, 1);
}

// A thread with an abandoned look-up does not count against the limit: a look-up that hangs blocks the next
// one only while a task waits for it.
TEST_F(HangingResolver, AbandonedThreadFreesItsPlace) {
    ip::resolver_base::set_options({.threads = 1, .extra_threads = 2, .queue_max = 1});
    ASSERT_TRUE(name_oracle::eventually([] { return ip::resolver_base::metrics().threads <= 1; }));
    expect_end(error::operation_aborted, "first");
    ASSERT_TRUE(oracle.wait_until_asked("first"));
    expect_end(error::operation_aborted, "second");
    EXPECT_EQ(ip::resolver_base::metrics().queued, 1u);
    expect_end(error::resolver_busy, "one too many");
    context->poll();
    EXPECT_EQ(ended, 1);

    // A look-up that is cancelled in the queue never starts.
    resolver->cancel();
    context->poll();
    EXPECT_EQ(ended, 3);
    EXPECT_EQ(ip::resolver_base::metrics().queued, 0u);

    for (const char* host: {"third", "fourth"}) {
        expect_end(error::operation_aborted, host);
        ASSERT_TRUE(oracle.wait_until_asked(host));
        resolver->cancel();
        context->poll();
    }
    EXPECT_EQ(ended, 5);
    // All threads are stuck. The next look-up waits until an abandoned look-up ends, and can be cancelled.
    EXPECT_EQ(ip::resolver_base::metrics().threads, 3u);
    EXPECT_EQ(ip::resolver_base::metrics().abandoned, 3u);
    expect_end(error::operation_aborted, "fifth");
    EXPECT_EQ(ip::resolver_base::metrics().queued, 1u);
    resolver->cancel();
    context->poll();
    EXPECT_EQ(ended, 6);

    expect_end({}, "sixth");
    EXPECT_EQ(ip::resolver_base::metrics().queued, 1u);
    oracle.answer("sixth", "192.0.2.1:80");
    oracle.answer("third", EAI_AGAIN);  // an abandoned look-up ends
    context->run([&]() -> task<> { co_return; });
    EXPECT_EQ(ended, 7);
    EXPECT_EQ(oracle.asked(), (std::vector<std::string>{"first", "third", "fourth", "sixth"}));
    oracle.otherwise(EAI_AGAIN);
    EXPECT_TRUE(name_oracle::eventually([] { return ip::resolver_base::metrics().threads == 1; }))
        << "surplus threads end";
}

// Regression: the limit of 16 was documented as the maximum of abandoned look-ups, but all 20 threads can be
// stuck in one.
TEST_F(HangingResolver, ExtraThreadsAddToThreads) {
    const ip::resolver_base::options limits;
    const unsigned most = limits.threads + limits.extra_threads;
    EXPECT_EQ(most, 20u);
    ASSERT_TRUE(
        name_oracle::eventually([&] { return ip::resolver_base::metrics().threads <= limits.threads; }));
    for (unsigned i = 0; i < most; ++i) {
        const std::string host = "hung" + std::to_string(i);
        expect_end(error::operation_aborted, host);
        ASSERT_TRUE(oracle.wait_until_asked(host));
        resolver->cancel();
        context->poll();
    }
    expect_end(error::operation_aborted, "one too many");
    EXPECT_EQ(ip::resolver_base::metrics().threads, most);
    EXPECT_EQ(ip::resolver_base::metrics().abandoned, most);
    EXPECT_EQ(ip::resolver_base::metrics().queued, 1u);
    resolver->cancel();
    context->poll();
    EXPECT_EQ(oracle.asked().size(), most);
}

TEST_F(HangingResolver, AbandonedThreadIsReplaced) {
    ip::resolver_base::set_options({.threads = 1, .extra_threads = 1});
    auto hung =
        context->spawn([&]() -> task<> { static_cast<void>(co_await resolver->resolve("hung", "http")); });
    context->poll();
    ASSERT_TRUE(oracle.wait_until_asked("hung"));
    oracle.answer("next", "192.0.2.1:80");
    expect_end({}, "next");
    EXPECT_EQ(ip::resolver_base::metrics().queued, 1u);
    hung.request_stop();
    context->run([&]() -> task<> { co_return; });
    EXPECT_EQ(ended, 1);
}

TEST_F(HangingResolver, UsesThreadsAddedLater) {
    ip::resolver_base::set_options({.threads = 1});
    ASSERT_TRUE(name_oracle::eventually([] { return ip::resolver_base::metrics().threads <= 1; }));
    expect_end(error::operation_aborted);
    ASSERT_TRUE(oracle.wait_until_asked("hung"));
    expect_end(error::operation_aborted, "also");
    EXPECT_EQ(ip::resolver_base::metrics().queued, 1u);
    ip::resolver_base::set_options({.threads = 2});
    EXPECT_TRUE(oracle.wait_until_asked("also"));
    resolver->cancel();
}

// A result and a cancel race: each look-up ends exactly once.
TEST_F(HangingResolver, ResultMayRaceWithACancel) {
    oracle.answer("quick", "192.0.2.1:80");
    std::size_t aborted = 0;
    std::size_t found = 0;
    for (std::size_t i = 0; i < 300; ++i) {
        context
            ->spawn([&]() -> task<> {
                auto [ec, endpoints] = co_await as_tuple(resolver->resolve("quick", "http"));
                EXPECT_TRUE(!ec || ec == error::operation_aborted);
                ++(ec ? aborted : found);
            })
            .detach();
        context->poll();
        if (i % 3 != 0) {
            EXPECT_TRUE(name_oracle::eventually([&] { return oracle.asked().size() + aborted > i; }));
        }
        resolver->cancel();
        context->poll();
    }
    context->run([&]() -> task<> { co_return; });
    EXPECT_EQ(aborted + found, 300u);
    EXPECT_GT(found, 0u);
}

TEST_F(HangingResolver, ResultMayRaceWithDestruction) {
    oracle.answer("quick", "192.0.2.1:80");
    for (int i = 0; i < 100; ++i) {
        context.emplace(test::small_rings);
        resolver.emplace(*context);
        context
            ->spawn([&]() -> task<> {
                auto [ec, none] = co_await as_tuple(resolver->resolve("quick", "http"));
                EXPECT_TRUE(!ec || ec == error::operation_aborted);
            })
            .detach();
        context->poll();
        resolver->cancel();
        if (i % 2 == 0)
            context->poll();
        context.reset();
    }
}

}  // namespace
}  // namespace coil::test
