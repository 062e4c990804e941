// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/foreign.hpp>

#include <coroutine>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include <coil/coro/task.hpp>

#include "coro/manual_scheduler.hpp"

namespace coil::test {
namespace {

/// An awaitable as other libraries have it: call() resumes the waiting coroutine inside the call.
class callback {
public:
    callback() = default;
    callback(const callback&) = delete;

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept { waiter_ = waiter; }
    int await_resume() const noexcept { return value_; }

    [[nodiscard]] bool has_waiter() const noexcept { return waiter_ != nullptr; }
    void call(int value) {
        value_ = value;
        std::exchange(waiter_, nullptr).resume();
    }

private:
    std::coroutine_handle<> waiter_;
    int value_ = 0;
};

/// How an awaitable completes inline.
enum class manner { ready, resumes_inside, declines, transfers };

class instant {
public:
    instant(manner how, int value) : how_(how), value_(value) {}
    instant(const instant&) = delete;

    bool await_ready() const noexcept { return how_ == manner::ready; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) const {
        switch (how_) {
        case manner::resumes_inside: waiter.resume(); return std::noop_coroutine();
        default: return waiter;
        }
    }
    int await_resume() const noexcept { return value_; }

private:
    manner how_;
    int value_;
};

class declining {
public:
    explicit declining(int value) : value_(value) {}
    declining(const declining&) = delete;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
    int await_resume() const noexcept { return value_; }

private:
    int value_;
};

TEST(Foreign, SupportsAllInlineCompletions) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        EXPECT_EQ(co_await instant(manner::ready, 1), 1);
        EXPECT_EQ(co_await instant(manner::resumes_inside, 2), 2);
        EXPECT_EQ(co_await instant(manner::transfers, 3), 3);
        EXPECT_EQ(co_await declining(4), 4);
        co_await std::suspend_never();
    };
    loop.run(story());
}

TEST(Foreign, ResumptionOnlyQueuesTask) {
    manual_scheduler loop;
    callback later;
    bool resumed = false;
    const auto story = [&]() -> task<int> {
        const int value = co_await later;
        resumed = true;
        co_return value;
    };
    auto root = loop.start(story());
    loop.run();
    ASSERT_TRUE(later.has_waiter());
    later.call(5);
    EXPECT_FALSE(resumed) << "the task runs on its loop only";
    loop.run();
    EXPECT_EQ(root.result(), 5);
}

TEST(Foreign, TaskResumesOnItsOwnThread) {
    manual_scheduler loop;
    class elsewhere {
    public:
        elsewhere() = default;
        elsewhere(const elsewhere&) = delete;
        ~elsewhere() { thread_.join(); }
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiter) {
            thread_ = std::thread([this, waiter] {
                value_ = 7;
                waiter.resume();
            });
        }
        int await_resume() const noexcept { return value_; }

    private:
        std::thread thread_;
        int value_ = 0;
    };
    const auto story = []() -> task<> {
        const auto own = std::this_thread::get_id();
        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(co_await elsewhere(), 7);
            EXPECT_EQ(std::this_thread::get_id(), own);
        }
    };
    loop.run_with_threads(story());
}

TEST(Foreign, InlineResumptionsDoNotGrowStack) {
    manual_scheduler loop;
    const auto story = []() -> task<int> {
        int total = 0;
        for (int i = 0; i < 50'000; ++i)
            total += co_await instant(manner::resumes_inside, 1) + co_await instant(manner::ready, 1);
        co_return total;
    };
    EXPECT_EQ(loop.run(story()), 100'000);
}

// ---- kinds of awaitables ----------------------------------------------------------------------------------

TEST(Foreign, LvalueIsNotCopied) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        instant here(manner::resumes_inside, 6);  // neither copyable nor movable
        EXPECT_EQ(co_await here, 6);
        const instant constant(manner::ready, 7);
        EXPECT_EQ(co_await constant, 7);
        EXPECT_EQ(co_await std::move(here), 6);
    };
    loop.run(story());
}

/// co_await of an lvalue returns a reference to the text, of an rvalue it moves the text out, as cppcoro's
/// tasks do.
class lender {
public:
    explicit lender(std::string text) : text_(std::move(text)) {}

    auto operator co_await() & {
        class awaiter {
        public:
            explicit awaiter(std::string& text) : text_(text) {}
            bool await_ready() const noexcept { return true; }
            void await_suspend(std::coroutine_handle<>) const noexcept {}
            std::string& await_resume() const noexcept { return text_; }

        private:
            std::string& text_;
        };
        return awaiter(text_);
    }
    auto operator co_await() && {
        class awaiter {
        public:
            explicit awaiter(std::string&& text) : text_(std::move(text)) {}
            bool await_ready() const noexcept { return true; }
            void await_suspend(std::coroutine_handle<>) const noexcept {}
            std::string&& await_resume() noexcept { return std::move(text_); }

        private:
            std::string text_;
        };
        return awaiter(std::move(text_));
    }

private:
    std::string text_;
};

TEST(Foreign, MemberOperatorSeesValueCategory) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        const std::string text(100, 'x');
        lender lends(text);
        std::string& lent = co_await lends;
        EXPECT_EQ(lent, text);
        EXPECT_EQ(&co_await lends, &lent) << "the same object, and not moved from";
        EXPECT_EQ(co_await std::move(lends), text);
        EXPECT_EQ(co_await lender(text), text);
    };
    loop.run(story());
}

struct only_lvalue {
    only_lvalue() = default;
    only_lvalue(const only_lvalue&) = delete;
    auto operator co_await() & { return instant(manner::resumes_inside, 8); }
};

}  // namespace
}  // namespace coil::test

namespace another_library {
namespace {

struct with_free_operator {
    with_free_operator(int given) : value(given) {}
    with_free_operator(const with_free_operator&) = delete;
    int value;
};
auto operator co_await(const with_free_operator& what) {
    return coil::test::instant(coil::test::manner::transfers, what.value);
}

}  // namespace
}  // namespace another_library

namespace coil::test {
namespace {

using another_library::with_free_operator;

TEST(Foreign, SupportsLvalueAndFreeOperators) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        only_lvalue here;
        EXPECT_EQ(co_await here, 8);
        with_free_operator there(9);
        EXPECT_EQ(co_await there, 9);
        EXPECT_EQ(co_await with_free_operator(10), 10);
    };
    loop.run(story());
}

TEST(Foreign, PassesResultsOfEveryKind) {
    class gives_unique {
    public:
        gives_unique() {}
        bool await_ready() const noexcept { return true; }
        void await_suspend(std::coroutine_handle<>) const noexcept {}
        std::unique_ptr<int> await_resume() const { return std::make_unique<int>(11); }
    };
    class gives_reference {
    public:
        explicit gives_reference(const int& target) : target_(target) {}
        bool await_ready() const noexcept { return true; }
        void await_suspend(std::coroutine_handle<>) const noexcept {}
        const int& await_resume() const { return target_; }

    private:
        const int& target_;
    };
    manual_scheduler loop;
    const auto story = [&]() -> task<> {
        EXPECT_EQ(*co_await gives_unique(), 11);
        const int target = 0;
        EXPECT_EQ(&co_await gives_reference(target), &target);
    };
    loop.run(story());
}

/// A task of another library: lazy, resumed and resuming by symmetric transfer.
class other_task {
public:
    struct promise_type {
        other_task get_return_object() {
            return other_task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        struct final_awaiter {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> done) const noexcept {
                return done.promise().continuation;
            }
            void await_resume() const noexcept {}
        };
        final_awaiter final_suspend() const noexcept { return {}; }
        void return_value(int given) { value = given; }
        void unhandled_exception() { exception = std::current_exception(); }

        std::coroutine_handle<> continuation;
        int value = 0;
        std::exception_ptr exception;
    };

    other_task(const other_task&) = delete;
    ~other_task() { frame_.destroy(); }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) noexcept {
        frame_.promise().continuation = waiter;
        return frame_;
    }
    int await_resume() const {
        if (frame_.promise().exception)
            std::rethrow_exception(frame_.promise().exception);
        return frame_.promise().value;
    }

private:
    explicit other_task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
    std::coroutine_handle<promise_type> frame_;
};

other_task theirs(callback& later, bool fails) {
    const int value = co_await later;
    if (fails)
        throw std::runtime_error("theirs");
    co_return value;
}

TEST(Foreign, AwaitsTaskOfAnotherLibrary) {
    manual_scheduler loop;
    callback later;
    const auto story = [&]() -> task<int> {
        const int value = co_await theirs(later, false);
        EXPECT_THROW(co_await theirs(later, true), std::runtime_error);
        co_return value;
    };
    auto root = loop.start(story());
    loop.run();
    later.call(12);
    loop.run();
    later.call(0);
    loop.run();
    EXPECT_EQ(root.result(), 12);
}

// ---- failure ----------------------------------------------------------------------------------------------

enum class step { none, make_awaiter, ready, suspend, resume };

class throwing_awaiter {
public:
    explicit throwing_awaiter(step where) : where_(where) {}
    bool await_ready() const { return fail(step::ready), false; }
    void await_suspend(std::coroutine_handle<> waiter) const {
        fail(step::suspend);
        waiter.resume();
    }
    int await_resume() const { return fail(step::resume), 13; }

private:
    void fail(step here) const {
        if (here == where_)
            throw std::runtime_error("step " + std::to_string(static_cast<int>(here)));
    }
    step where_;
};

struct throwing {
    explicit throwing(step given) : where(given) {}
    throwing_awaiter operator co_await() const {
        if (where == step::make_awaiter)
            throw std::runtime_error("step 1");
        return throwing_awaiter(where);
    }
    step where;
};

TEST(Foreign, ExceptionsReachTask) {
    manual_scheduler loop;
    const auto story = [](step where) -> task<std::string> {
        try {
            EXPECT_EQ(co_await throwing(where), 13);
        } catch (const std::runtime_error& failure) {
            co_return failure.what();
        }
        co_return "";
    };
    EXPECT_EQ(loop.run(story(step::none)), "");
    EXPECT_EQ(loop.run(story(step::make_awaiter)), "step 1");
    EXPECT_EQ(loop.run(story(step::ready)), "step 2");
    EXPECT_EQ(loop.run(story(step::suspend)), "step 3");
    EXPECT_EQ(loop.run(story(step::resume)), "step 4");
}

// ---- stopping and ending ----------------------------------------------------------------------------------

TEST(Foreign, StopTakesEffectAtNextAwait) {
    manual_scheduler loop;
    callback later;
    gate closed;
    const auto story = [&]() -> task<> {
        EXPECT_EQ(co_await later, 14);
        try {
            co_await closed.wait();
            ADD_FAILURE() << "waited in a stopped scope";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::operation_aborted);
        }
    };
    auto root = loop.start(story());
    loop.run();
    root.env().request_stop();
    loop.run();
    EXPECT_FALSE(root.done());
    later.call(14);
    loop.run();
    root.result();
}

TEST(Foreign, DestroyedTaskDestroysAwaitable) {
    manual_scheduler loop;
    callback never;
    class destroyed_with {
    public:
        destroyed_with(callback& at, bool& gone) : at_(at), gone_(gone) {}
        destroyed_with(const destroyed_with&) = delete;
        ~destroyed_with() { gone_ = true; }
        callback& operator co_await() const { return at_; }

    private:
        callback& at_;
        bool& gone_;
    };
    bool gone = false;
    const auto story = [&]() -> task<> { co_await destroyed_with(never, gone); };
    auto root = loop.start(story());
    loop.run();
    EXPECT_EQ(root.env().awaiting()->describe(), "an awaitable that is not coil's");
    EXPECT_FALSE(gone);
    root.destroy();
    EXPECT_TRUE(gone);
}

TEST(Foreign, DestroyedReadyTaskIsNotResumed) {
    manual_scheduler loop;
    callback later;
    const auto story = [&]() -> task<> {
        co_await later;
        ADD_FAILURE() << "resumed after its destruction";
    };
    auto root = loop.start(story());
    loop.run();
    later.call(0);
    loop.take_posted();
    root.destroy();
    EXPECT_EQ(loop.run(), 0u);
}

// ---- coroutines that are not tasks ------------------------------------------------------------------------

/// A coroutine that starts immediately and has no awaiter.
struct fire_and_forget {
    struct promise_type {
        fire_and_forget get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };
};

/// A gate that is bound to a loop.
class bound_gate {
public:
    explicit bound_gate(detail::scheduler& on) : environment_(on, true) {}

    class description {
    public:
        explicit description(bound_gate& at) : gate_(&at) {}
        gate::operation operation_in(detail::environment& task) const noexcept {
            return gate_->gate_.wait().operation_in(task);
        }
        detail::environment& foreign_environment() const { return gate_->environment_; }

    private:
        bound_gate* gate_;
    };

    [[nodiscard]] description wait() noexcept { return description(*this); }
    void open(int value) { gate_.open(value); }

private:
    detail::environment environment_;
    gate gate_;
};

TEST(Foreign, NonTaskCoroutineCountsAsWork) {
    manual_scheduler loop;
    bound_gate closed(loop);
    int seen = 0;
    const auto theirs = [&]() -> fire_and_forget { seen = co_await closed.wait(); };
    theirs();
    theirs();
    EXPECT_EQ(loop.work(), 2);
    closed.open(15);
    EXPECT_EQ(seen, 0);
    loop.run();
    EXPECT_EQ(seen, 15);
    EXPECT_EQ(loop.work(), 1);
    closed.open(16);
    loop.run();
    EXPECT_EQ(seen, 16);
    EXPECT_EQ(loop.work(), 0);
}

}  // namespace
}  // namespace coil::test
