// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/task_group.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/this_coro.hpp>
#include <coil/coro/yield.hpp>

#include "coro/manual_scheduler.hpp"
#include "sync/errors.hpp"

namespace coil::test {
namespace {

class TaskGroup : public testing::Test {
public:
    task<> wait(gate& at) {
        co_await at.wait();
        log_ += "w";
    }
    /// Ends when it is stopped.
    task<> until_stopped() {
        auto [ec, value] = co_await as_tuple(never_.wait());
        EXPECT_EQ(ec, error::operation_aborted);
        log_ += "s";
        detail::throw_failure(ec, "until_stopped");
    }
    task<> say(std::string what) {
        log_ += what;
        co_return;
    }

protected:
    manual_scheduler loop_;
    gate a_, b_, never_;
    std::string log_;
};

TEST_F(TaskGroup, EndsAfterTheBodyAndAllChildren) {
    const auto story = [&]() -> task<> {
        const int value = co_await with_group([&](task_group& group) -> task<int> {
            group.start(wait(a_));
            group.start(wait(b_));
            EXPECT_EQ(group.size(), 2u);
            co_return 7;
        });
        EXPECT_EQ(value, 7);
        log_ += ".";
    };
    auto root = loop_.start(story());
    loop_.run();
    b_.open();
    loop_.run();
    EXPECT_EQ(log_, "w");
    a_.open();
    loop_.run();
    root.result();
    EXPECT_EQ(log_, "ww.");
}

TEST_F(TaskGroup, StartsChildrenInTheNextIteration) {
    struct speaker {
        TaskGroup* test;
        task<> say(std::string what) { return test->say(std::move(what)); }
    };
    const auto story = [&]() -> task<> {
        speaker second{this};
        co_await with_group([&](task_group& group) -> task<> {
            group.start(say("1"));
            group.start(&speaker::say, &second, std::string("2"));
            const auto third = [this](const std::string& what) -> task<> { co_await say(what); };
            group.start(third, std::string("3"));
            log_ += "0";
            co_return;
        });
    };
    loop_.run(story());
    EXPECT_EQ(log_, "0123");
}

TEST_F(TaskGroup, KeepsFunctionsAndArguments) {
    const auto owned = std::make_shared<int>(5);
    const auto child = [](std::shared_ptr<int> kept, gate& at) -> task<> {
        co_await at.wait();
        EXPECT_EQ(*kept, 5);
    };
    const auto story = [&]() -> task<> {
        co_await with_group([&](task_group& group) -> task<> {
            group.start(child, owned, std::ref(a_));
            co_return;
        });
    };
    auto root = loop_.start(story());
    loop_.run();
    EXPECT_EQ(owned.use_count(), 2);
    a_.open();
    loop_.run();
    root.result();
    EXPECT_EQ(owned.use_count(), 1);
}

TEST_F(TaskGroup, ChildErrorStopsAllAndIsThrown) {
    const auto story = [&]() -> task<> {
        try {
            co_await with_group([&](task_group& group) -> task<> {
                group.start(wait(a_));
                group.start(until_stopped());
                co_await never_.wait();  // the body is stopped too
                ADD_FAILURE() << "the body continued";
            });
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), broken);
        }
        EXPECT_FALSE(co_await this_coro::stop_requested);
        EXPECT_EQ(log_, "s");
    };
    auto root = loop_.start(story());
    loop_.run();
    a_.fail(broken);
    loop_.run();
    root.result();
}

TEST_F(TaskGroup, BodyErrorStopsAllAndIsThrown) {
    const auto story = [&]() -> task<> {
        auto [ec] = co_await as_tuple(with_group([&](task_group& group) -> task<> {
            group.start(until_stopped());
            co_await b_.wait();
        }));
        EXPECT_EQ(ec, refused);
    };
    auto root = loop_.start(story());
    loop_.run();
    b_.fail(refused);
    loop_.run();
    root.result();
    EXPECT_EQ(log_, "s");
}

TEST_F(TaskGroup, ThrowsTheFirstErrorUnlessOneIsABug) {
    const auto buggy = [&]() -> task<> {
        static_cast<void>(co_await as_tuple(never_.wait()));
        throw std::out_of_range("a bug");
    };
    const auto failing_later = [&]() -> task<> {
        static_cast<void>(co_await as_tuple(never_.wait()));
        throw std::system_error(refused);
    };
    const auto story = [&]() -> task<> {
        auto [ec] = co_await as_tuple(with_group([&](task_group& group) -> task<> {
            group.start(failing_later);
            group.start(wait(a_));
            co_return;
        }));
        EXPECT_EQ(ec, broken);
        EXPECT_THROW(co_await with_group([&](task_group& group) -> task<> {
                         group.start(buggy);
                         group.start(wait(a_));
                         co_return;
                     }),
                     std::out_of_range);
    };
    auto root = loop_.start(story());
    for (int i = 0; i < 2; ++i) {
        loop_.run();
        a_.fail(broken);
    }
    loop_.run();
    root.result();
}

// If the connection of one client breaks, the server's other clients continue.
TEST_F(TaskGroup, ReportErrorsContinuesWithoutTheChild) {
    const auto fail = [&](std::error_code ec) -> task<> {
        co_await a_.wait();
        detail::throw_failure(ec, "recv (peer 192.0.2.1:80)");
    };
    const auto story = [&]() -> task<> {
        co_await with_group({.report_errors = true}, [&](task_group& group) -> task<> {
            group.start(fail, broken);
            group.start(wait(b_));
            co_await group.join();
            group.start(say("later"));
        });
    };
    auto root = loop_.start(story());
    loop_.run();
    a_.open();
    loop_.run();
    ASSERT_EQ(loop_.reported().size(), 1u);
    const task_failure& failure = loop_.reported().front();
    EXPECT_EQ(failure.code, broken);
    for (const char* part:
         {"a task of the group at task_group_test.cpp:", "recv (peer 192.0.2.1:80)", "pipe"})
        EXPECT_NE(failure.text.find(part), std::string::npos) << failure.text;
    b_.open();
    loop_.run();
    root.result();
    EXPECT_EQ(log_, "wlater");
}

// Regression: a parser that threw std::runtime_error for the input of one client ended the server for all.
TEST_F(TaskGroup, ReportErrorsContainsAnyException) {
    const auto runtime = []() -> task<> {
        co_await yield();
        throw std::runtime_error("cannot parse 'x'");
    };
    const auto number = []() -> task<> {
        co_await yield();
        throw 5;
    };
    const auto story = [&]() -> task<> {
        co_await with_group({.report_errors = true}, [&](task_group& group) -> task<> {
            group.start(runtime);
            group.start(number);
            group.start(wait(a_));
            co_return;
        });
    };
    auto root = loop_.start(story());
    loop_.run();
    ASSERT_EQ(loop_.reported().size(), 2u);
    for (const task_failure& failure: loop_.reported()) {
        EXPECT_TRUE(failure.is_contained);
        EXPECT_FALSE(failure.code);
    }
    EXPECT_NE(loop_.reported()[0].text.find("cannot parse 'x'"), std::string::npos);
    a_.open();
    loop_.run();
    root.result();
    EXPECT_EQ(log_, "w");
}

TEST_F(TaskGroup, ReportErrorsStillThrowsTheBodysError) {
    const auto story = [&]() -> task<> {
        co_await with_group({.report_errors = true}, [&](task_group& group) -> task<> {
            group.start(until_stopped());
            co_await yield();
            detail::throw_failure(refused, "accept");
        });
    };
    EXPECT_THROW(loop_.run(story()), std::system_error);
    EXPECT_EQ(log_, "s");
    EXPECT_TRUE(loop_.reported().empty());
}

TEST_F(TaskGroup, CancelStopsAllAndIsNoError) {
    const auto story = [&]() -> task<> {
        co_await with_group([&](task_group& group) -> task<> {
            group.start(until_stopped());
            group.start(until_stopped());
            co_await yield();
            group.cancel();
            group.cancel();
            EXPECT_TRUE(group.is_cancelled());
            group.start(until_stopped());  // stopped from its start
            co_await never_.wait();        // and so is the body
            ADD_FAILURE() << "the body continued";
        });
        EXPECT_EQ(log_, "sss");
        log_ += ".";
    };
    auto root = loop_.start(story());
    loop_.run();
    root.result();
    EXPECT_EQ(log_, "sss.");
}

TEST_F(TaskGroup, ChildMayCancelTheGroup) {
    const auto story = [&]() -> task<> {
        co_await with_group([&](task_group& group) -> task<> {
            const auto watch = [&]() -> task<> {
                co_await a_.wait();
                group.cancel();
            };
            group.start(watch);
            group.start(until_stopped());
            co_await never_.wait();
        });
    };
    auto root = loop_.start(story());
    loop_.run();
    a_.open();
    loop_.run();
    root.result();
    EXPECT_EQ(log_, "s");
}

TEST_F(TaskGroup, CancelBeforeTheBodysValueAborts) {
    const auto story = [&]() -> task<> {
        auto [ec, value] = co_await as_tuple(with_group([&](task_group& group) -> task<int> {
            group.cancel();
            co_return co_await never_.wait();
        }));
        EXPECT_EQ(ec, error::operation_aborted);
    };
    loop_.run(story());
}

// The body is a function that returns a task, so it may cancel the group before that task exists.
TEST_F(TaskGroup, CancelBeforeTheBodyExistsStopsIt) {
    const auto cancelled_body = [&](task_group& group) -> task<> {
        group.start(until_stopped());
        group.cancel();
        return wait(never_);
    };
    const auto story = [&]() -> task<> { co_await with_group(cancelled_body); };
    auto root = loop_.start(story());
    loop_.run();
    root.result();
    EXPECT_EQ(log_, "s");
}

TEST_F(TaskGroup, JoinWaitsForTheChildren) {
    const auto story = [&]() -> task<> {
        co_await with_group([&](task_group& group) -> task<> {
            co_await group.join();  // no children yet
            for (int round = 0; round < 3; ++round) {
                group.start(say("1"));
                group.start(wait(a_));
                co_await group.join();
                EXPECT_EQ(group.size(), 0u);
                log_ += ".";
            }
        });
    };
    auto root = loop_.start(story());
    for (int i = 0; i < 3; ++i) {
        loop_.run();
        a_.open();
    }
    loop_.run();
    root.result();
    EXPECT_EQ(log_, "1w.1w.1w.");
}

TEST_F(TaskGroup, RunningMaxBoundsConcurrency) {
    int running = 0, most = 0, ran = 0;
    const auto child = [&]() -> task<> {
        most = std::max(most, ++running);
        co_await yield();
        co_await yield();
        --running;
        ++ran;
    };
    const auto story = [&]() -> task<> {
        co_await with_group({.running_max = 3}, [&](task_group& group) -> task<> {
            for (int i = 0; i < 20; ++i)
                group.start(child);
            EXPECT_EQ(group.size(), 20u);
            co_return;
        });
    };
    loop_.run(story());
    EXPECT_EQ(most, 3);
    EXPECT_EQ(ran, 20);
}

TEST_F(TaskGroup, VacancyBlocksUntilAChildEnds) {
    std::size_t most = 0;
    const auto story = [&]() -> task<> {
        co_await with_group({.running_max = 2}, [&](task_group& group) -> task<> {
            for (int i = 0; i < 10; ++i) {
                co_await group.wait_for_vacancy();
                group.start([]() -> task<> {
                    co_await yield();
                    co_await yield();
                });
                most = std::max(most, group.size());
            }
        });
    };
    loop_.run(story());
    EXPECT_EQ(most, 2u);
}

TEST_F(TaskGroup, RunningMaxOfZeroIsRefused) {
    const auto story = [&]() -> task<> {
        try {
            co_await with_group({.running_max = 0}, [](task_group&) -> task<> { co_return; });
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), std::errc::invalid_argument);
            EXPECT_NE(std::string(failure.what()).find("running_max"), std::string::npos);
        }
    };
    loop_.run(story());
}

TEST_F(TaskGroup, StopAtAnyStepEndsAll) {
    for (int steps = 0; steps < 8; ++steps) {
        int ended = 0;
        const auto child = [&](bool waits) -> task<> {
            if (waits)
                static_cast<void>(co_await as_tuple(never_.wait()));
            co_await shield(yield());
            ++ended;
        };
        bool joined = false;
        std::error_code seen;
        const auto story = [&]() -> task<> {
            auto [ec] = co_await as_tuple(with_group({.running_max = 2}, [&](task_group& group) -> task<> {
                for (int i = 0; i < 4; ++i)
                    group.start(child, i % 2 == 0);
                auto [waited] = co_await as_tuple(group.join());
                joined = !waited;
                co_await yield();
            }));
            seen = ec;
        };
        auto root = loop_.start(story());
        for (int i = 0; i < steps; ++i)
            loop_.run_one();
        root.env().request_stop();
        root.env().request_stop();
        loop_.run();
        ASSERT_TRUE(root.done()) << "steps " << steps;
        EXPECT_EQ(seen, error::operation_aborted);
        EXPECT_FALSE(joined);
        EXPECT_EQ(ended, 4) << "steps " << steps;
    }
}

TEST_F(TaskGroup, DestroysTheChildrenBeforeTheBody) {
    for (int steps = 0; steps < 7; ++steps) {
        auto held = std::make_shared<int>(0);
        struct local {
            std::shared_ptr<int> kept;
            ~local() { EXPECT_TRUE(!kept || kept.use_count() <= 2) << "children first"; }
        };
        const auto child = [](gate& at, std::shared_ptr<int>) -> task<> { co_await at.wait(); };
        const auto story = [&]() -> task<> {
            co_await with_group({.running_max = 2}, [&](task_group& group) -> task<> {
                const local own{held};
                for (int i = 0; i < 3; ++i)
                    group.start(child, std::ref(a_), held);
                co_await never_.wait();
            });
        };
        auto root = loop_.start(story());
        for (int i = 0; i < steps; ++i)
            loop_.run_one();
        root.destroy();
        loop_.run();
        EXPECT_EQ(held.use_count(), 1);
        EXPECT_FALSE(a_.has_waiter() || never_.has_waiter());
    }
}

TEST_F(TaskGroup, StartDuringDestructionIsDropped) {
    struct starter {
        task_group* group;
        int* ran;
        starter(task_group& of, int& count) : group(&of), ran(&count) {}
        starter(const starter&) = delete;
        ~starter() {
            group->start([](int& count) -> task<> { co_return static_cast<void>(++count); }, std::ref(*ran));
        }
    };
    int ran = 0;
    const auto story = [&]() -> task<> {
        co_await with_group([&](task_group& group) -> task<> {
            const auto child = [&]() -> task<> {
                const starter late(group, ran);
                co_await never_.wait();
            };
            group.start(child);
            co_await group.join();
        });
    };
    auto root = loop_.start(story());
    loop_.run();
    root.destroy();
    loop_.run();
    EXPECT_EQ(ran, 0);
}

// Regression: a child that joined its group waited for itself, without an error.
TEST_F(TaskGroup, RefusesAChildThatJoinsIt) {
    std::error_code error;
    const auto child = [&](task_group& group) -> task<> {
        error = (co_await as_tuple(group.join())).error();
    };
    const auto story = [&]() -> task<> {
        co_await with_group([&](task_group& group) -> task<> {
            group.start(child(group));
            co_await group.join();
        });
    };
    loop_.run(story());
    EXPECT_EQ(error, std::errc::resource_deadlock_would_occur);
    EXPECT_EQ(error, error::joins_own_group);
    EXPECT_NE(error.message().find("a child joins its own group"), std::string::npos) << error.message();
}

TEST_F(TaskGroup, RefusesAChildThatJoinsItInAScope) {
    std::error_code error;
    const auto child = [&](task_group& group) -> task<> {
        error = (co_await as_tuple(shield(group.join()))).error();
    };
    const auto story = [&]() -> task<> {
        co_await with_group([&](task_group& group) -> task<> {
            group.start(child(group));
            co_await shield(group.join());
        });
    };
    loop_.run(story());
    EXPECT_EQ(error, error::joins_own_group);
}

TEST_F(TaskGroup, NestsAndRunsThousands) {
    int ran = 0;
    const auto leaf = [&]() -> task<> {
        ++ran;
        co_return;
    };
    const auto branch = [&]() -> task<> {
        co_await with_group([&](task_group& group) -> task<> {
            for (int i = 0; i < 100; ++i)
                group.start(leaf);
            co_return;
        });
    };
    const auto story = [&]() -> task<> {
        co_await with_group([&](task_group& group) -> task<> {
            for (int i = 0; i < 50; ++i)
                group.start(branch);
            co_return;
        });
    };
    loop_.run(story());
    EXPECT_EQ(ran, 5000);
}

}  // namespace
}  // namespace coil::test
