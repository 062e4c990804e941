// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/parallel.hpp>

#include <deque>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/completed.hpp>
#include <coil/coro/stop_when.hpp>
#include <coil/coro/task.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/sync/when_any.hpp>

#include "coro/manual_scheduler.hpp"
#include "sync/errors.hpp"

namespace coil::test {
namespace {

constexpr std::size_t many = 2'000;

/// An operation over many gates that counts the accesses to its branches.
template <class Base>
class counting final : public Base {
public:
    counting(std::vector<gate>& gates, std::size_t& accesses, detail::environment& task)
        : Base(task), accesses_(&accesses) {
        for (gate& each: gates)
            branches_.emplace_back(
                detail::branch_seed<gate::description>{*this, branches_.size(), each.wait()});
    }

    void await_resume() { this->rethrow_failure(); }
    outcome<void> await_outcome() { return {}; }

private:
    std::size_t count() const noexcept override { return branches_.size(); }
    detail::branch_base& at(std::size_t index) const noexcept override {
        ++*accesses_;
        return branches_[index];
    }

    mutable std::deque<detail::branch<gate::description>> branches_;
    std::size_t* accesses_;
};

template <class Base>
struct counting_description {
    std::vector<gate>* gates;
    std::size_t* accesses;

    counting<Base> operation_in(detail::environment& task) const { return {*gates, *accesses, task}; }
};

template <class Base>
class ParallelWork : public testing::Test {
protected:
    /// Starts all branches, and resets the counter.
    started<void> start() {
        auto root = loop_.start(await_all());
        loop_.run();
        accesses_ = 0;
        return root;
    }

    manual_scheduler loop_;
    std::vector<gate> gates_{many};
    std::size_t accesses_ = 0;

private:
    task<> await_all() { co_await counting_description<Base>{&gates_, &accesses_}; }
};

using kinds =
    testing::Types<detail::when_all_operation, detail::when_any_operation, detail::first_success_operation>;
TYPED_TEST_SUITE(ParallelWork, kinds);

// Regression: 80,000 branches took 103 s to stop, because each branch that ended stopped all others again.
TYPED_TEST(ParallelWork, IsLinearWhenOneFails) {
    auto root = this->start();
    this->gates_[many / 2].fail(broken);
    this->loop_.run();
    root.env().request_stop();  // first_success waits for the others
    this->loop_.run();
    EXPECT_TRUE(root.done());
    EXPECT_LE(this->accesses_, 10 * many);
}

TYPED_TEST(ParallelWork, IsLinearWhenTheTaskIsStopped) {
    auto root = this->start();
    root.env().request_stop();
    this->loop_.run();
    EXPECT_THROW(root.result(), std::system_error);
    EXPECT_LE(this->accesses_, 10 * many);
}

TYPED_TEST(ParallelWork, IsLinearWhenManySucceed) {
    auto root = this->start();
    for (gate& each: this->gates_)
        each.open();
    this->loop_.run();
    root.result();
    EXPECT_LE(this->accesses_, 10 * many);
}

TYPED_TEST(ParallelWork, NamesABoundedNumberOfBranches) {
    auto root = this->start();
    const std::string text = root.env().awaiting()->describe();
    EXPECT_TRUE(text == "a gate, a gate, a gate, a gate and 1996 more") << text.size() << " bytes";
    EXPECT_LE(this->accesses_, 10u);
}

// Branches are constructed together, and a branch may be stopped by another before it starts. Regression: a
// scope inside a branch copied the stop state in its constructor, and so missed this stop.
TEST(Parallel, BranchStoppedBeforeItsStartIsRefused) {
    manual_scheduler loop;
    gate never;
    inplace_stop_source source;
    const auto immediate = [] { return detail::completed("nothing"); };
    const auto story = [&]() -> task<> {
        auto race = co_await when_any(immediate(), stop_when(never.wait(), source.get_token()));
        EXPECT_EQ(race.index(), 0u);
        EXPECT_EQ(race.get<1>().error(), error::operation_aborted);
    };
    auto root = loop.start(story());
    loop.run();
    EXPECT_TRUE(root.done());
}

}  // namespace
}  // namespace coil::test
