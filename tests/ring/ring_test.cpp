// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/ring.hpp"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "ring/abi.hpp"
#include "ring/epoll_kernel.hpp"
#include "ring/uring_kernel.hpp"
#include "support/io_uring.hpp"
#include "support/scripted_kernel.hpp"

namespace coil::ring {
namespace {

using namespace std::chrono_literals;
using numbers = std::vector<std::uint64_t>;

/// Makes the kernels of this process pretend to be Linux 6.1 during its lifetime.
class age_of_6_1 {
public:
    age_of_6_1() { uring_kernel::pretend_6_1(true); }
    age_of_6_1(const age_of_6_1&) = delete;
    ~age_of_6_1() {
        const char* chosen = std::getenv("COIL_TEST_KERNEL");
        uring_kernel::pretend_6_1(chosen && std::string_view(chosen) == "6.1");
    }
};

/// A ring whose operations are nops with ascending numbers.
class numbered_ring {
public:
    numbered_ring(std::unique_ptr<kernel> behind, const parameters& wanted) : ring_(std::move(behind)) {
        ring_.open(wanted);
        ring_.enable();
    }
    ~numbered_ring() { EXPECT_TRUE(ring_.close(false, time_point::max())); }

    [[nodiscard]] ring& bare() { return ring_; }

    /// Queues the next nop. Returns false if there is no free slot.
    bool queue() {
        io_uring_sqe* sqe = ring_.get_sqe();
        if (!sqe)
            return false;
        io_uring_prep_nop(sqe);
        sqe->user_data = ++queued_;
        return true;
    }
    bool queue(int times) {
        bool found = true;
        while (found && times-- > 0)
            found = queue();
        return found;
    }
    /// Collects the available completions.
    numbers collect() {
        numbers completed;
        ring_.collect([&](const io_uring_cqe& cqe) {
            EXPECT_EQ(cqe.res, 0);
            completed.push_back(cqe.user_data);
        });
        return completed;
    }
    numbers enter_and_collect() {
        EXPECT_EQ(ring_.enter(1), 0);
        return collect();
    }

private:
    ring ring_;
    std::uint64_t queued_ = 0;
};

numbers from_to(std::uint64_t first, std::uint64_t last) {
    numbers all(last - first + 1);
    std::iota(all.begin(), all.end(), first);
    return all;
}

// ---- on every kernel --------------------------------------------------------------------------------------

enum class behind { scripted, epoll, uring, uring_of_6_1 };

class Ring : public testing::TestWithParam<behind> {
protected:
    void SetUp() override {
        if (GetParam() == behind::uring || GetParam() == behind::uring_of_6_1)
            SKIP_IF_IO_URING_IS_REFUSED();
    }

    static std::unique_ptr<kernel> make_kernel() {
        if (GetParam() == behind::scripted)
            return std::make_unique<scripted_kernel>();
        if (GetParam() == behind::epoll)
            return std::make_unique<epoll_kernel>();
        return std::make_unique<uring_kernel>();
    }
    // A kernel looks at pretend_6_1() when it creates the ring.
    static std::unique_ptr<numbered_ring> make(unsigned entries, unsigned completions) {
        const auto age = GetParam() == behind::uring_of_6_1 ? std::make_unique<age_of_6_1>() : nullptr;
        return std::make_unique<numbered_ring>(make_kernel(), parameters{entries, completions});
    }
};

TEST_P(Ring, WrapsAroundAndCompletesInOrder) {
    const auto ring = make(4, 8);
    for (std::uint64_t round = 0; round < 100; ++round) {
        ASSERT_TRUE(ring->queue(3));
        ASSERT_EQ(ring->enter_and_collect(), from_to(round * 3 + 1, round * 3 + 3));
    }
}

TEST_P(Ring, FullSqHasNoSlotUntilEnter) {
    const auto ring = make(4, 8);
    EXPECT_TRUE(ring->queue(4));
    EXPECT_EQ(ring->bare().unsubmitted(), 4u);
    EXPECT_FALSE(ring->queue());
    EXPECT_FALSE(ring->queue());
    EXPECT_EQ(ring->bare().unsubmitted(), 4u);
    EXPECT_EQ(ring->bare().enter(0), 0);
    EXPECT_EQ(ring->bare().unsubmitted(), 0u);
    EXPECT_TRUE(ring->queue(4));
    EXPECT_EQ(ring->bare().enter(4), 0);
    EXPECT_EQ(ring->collect(), from_to(1, 8));
}

TEST_P(Ring, PeeksAndCollectsInPortions) {
    const auto ring = make(8, 16);
    EXPECT_TRUE(ring->queue(5));
    EXPECT_EQ(ring->bare().enter(5), 0);
    for (const numbers& portion: {from_to(1, 2), from_to(3, 4), from_to(5, 5)}) {
        numbers shown, handed;
        EXPECT_EQ(ring->bare().peek([&](const io_uring_cqe& cqe) { shown.push_back(cqe.user_data); }, 2),
                  portion.size());
        EXPECT_EQ(ring->bare().collect([&](const io_uring_cqe& cqe) { handed.push_back(cqe.user_data); }, 2),
                  portion.size());
        EXPECT_EQ(shown, portion);
        EXPECT_EQ(handed, portion);
    }
    EXPECT_EQ(ring->collect(), numbers());
    EXPECT_EQ(ring->bare().completions(), 5u);
}

TEST_P(Ring, SubmitsNothingBeforeEnter) {
    const auto ring = make(4, 8);
    EXPECT_TRUE(ring->queue(2));
    EXPECT_EQ(ring->collect(), numbers());
    EXPECT_EQ(ring->bare().unsubmitted(), 2u);
    EXPECT_EQ(ring->bare().submissions(), 0u);
    EXPECT_EQ(ring->enter_and_collect(), from_to(1, 2));
}

TEST_P(Ring, ClearsReusedSlot) {
    const auto ring = make(1, 2);
    for (int i = 0; i < 3; ++i) {
        io_uring_sqe* sqe = ring->bare().get_sqe();
        ASSERT_NE(sqe, nullptr);
        EXPECT_EQ(sqe->opcode, 0);
        EXPECT_EQ(sqe->addr, 0u);
        EXPECT_EQ(sqe->user_data, 0u);
        io_uring_prep_nop(sqe);
        sqe->user_data = 77;
        EXPECT_EQ(ring->enter_and_collect(), numbers{77});
    }
}

TEST_P(Ring, CqOverflowLosesNothing) {
    const auto ring = make(4, 4);
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(ring->queue(4));
        EXPECT_EQ(ring->bare().enter(0), 0);
    }
    EXPECT_TRUE(ring->bare().has_deferred_work()) << "only an enter flushes the overflow";
    numbers completed;
    for (int enters = 0; completed.size() < 20 && enters < 20; ++enters) {
        const numbers some = ring->collect();
        completed.insert(completed.end(), some.begin(), some.end());
        EXPECT_EQ(ring->bare().enter(0), 0);
    }
    EXPECT_EQ(completed, from_to(1, 20));
    EXPECT_EQ(ring->bare().overflows(), 7u) << "enters after which completions did not fit into the CQ";
    EXPECT_FALSE(ring->bare().has_deferred_work());
}

TEST_P(Ring, CountsEntersSubmissionsAndCompletions) {
    const auto ring = make(8, 16);
    for (int i = 0; i < 3; ++i) {
        ring->queue(5);
        ring->enter_and_collect();
    }
    ring->queue();
    EXPECT_EQ(ring->bare().enters(), 3u);
    EXPECT_EQ(ring->bare().submissions(), 15u);
    EXPECT_EQ(ring->bare().completions(), 15u);
    EXPECT_EQ(ring->bare().overflows(), 0u);
    ring->enter_and_collect();
}

TEST_P(Ring, CanQueueWhileCollecting) {
    const auto ring = make(2, 4);
    ring->queue(2);
    EXPECT_EQ(ring->bare().enter(1), 0);
    EXPECT_EQ(ring->bare().collect([&](const io_uring_cqe&) { EXPECT_TRUE(ring->queue()); }), 2u);
    EXPECT_EQ(ring->enter_and_collect(), from_to(3, 4));
}

TEST_P(Ring, CollectFreesCqSlots) {
    const auto ring = make(4, 4);
    ring->queue(4);
    EXPECT_EQ(ring->enter_and_collect(), from_to(1, 4));
    EXPECT_EQ(ring->collect(), numbers());
    ring->queue(4);
    EXPECT_EQ(ring->bare().enter(0), 0);
    EXPECT_FALSE(ring->bare().has_deferred_work());
    EXPECT_EQ(ring->collect(), from_to(5, 8));
}

TEST_P(Ring, WaitEndsAtDeadline) {
    const auto ring = make(4, 8);
    kernel& behind = ring->bare().behind();
    const time_point deadline = behind.now() + 2ms;
    // The teardown of another ring of this thread may interrupt the wait.
    while (ring->bare().enter(1, deadline) == -EINTR)
        continue;
    EXPECT_GE(behind.now(), deadline);
    EXPECT_EQ(ring->collect(), numbers());
    // If the deadline has passed, enter submits and does not wait.
    ring->queue();
    ring->bare().enter(2, deadline);
    EXPECT_EQ(ring->collect(), numbers{1});
}

TEST_P(Ring, PauseSubmitsNothing) {
    const auto ring = make(4, 8);
    ring->queue();
    ring->bare().pause(ring->bare().behind().now() + 1ms);
    EXPECT_EQ(ring->bare().unsubmitted(), 1u);
    EXPECT_EQ(ring->collect(), numbers());
    EXPECT_EQ(ring->enter_and_collect(), numbers{1});
}

TEST_P(Ring, BelongsToEnablingThread) {
    const auto ring = make(4, 8);
    ring->queue();
    int elsewhere = 0;
    std::thread([&] { elsewhere = ring->bare().enter(0); }).join();
    EXPECT_EQ(elsewhere, -EEXIST);
    EXPECT_EQ(ring->enter_and_collect(), numbers{1});
}

TEST_P(Ring, EnterBeforeEnableFails) {
    ring early(make_kernel());
    EXPECT_FALSE(early.is_open());
    EXPECT_TRUE(early.close(false, time_point::max())) << "nothing to close";
    early.open({4, 8});
    EXPECT_TRUE(early.is_open());
    EXPECT_FALSE(early.is_enabled());
    EXPECT_EQ(early.enter(0), -EBADFD);
    std::thread([&] {
        early.enable();
        EXPECT_TRUE(early.is_enabled());
        EXPECT_EQ(early.enter(0), 0);
    }).join();
    EXPECT_TRUE(early.close(false, time_point::max()));
    EXPECT_TRUE(early.close(false, time_point::max()));
    EXPECT_FALSE(early.is_open());
}

TEST_P(Ring, ManyEntersInRunComplete) {
    const auto ring = make(4, 8);
    for (int round = 0; round < 3; ++round) {
        ring->bare().set_in_run(true);
        for (int i = 0; i < 10; ++i) {
            ring->queue();
            EXPECT_EQ(ring->enter_and_collect().size(), 1u);
        }
        ring->bare().set_in_run(false);
        ring->queue();
        EXPECT_EQ(ring->enter_and_collect().size(), 1u);
    }
}

TEST_P(Ring, ClosesAfterEntersInRun) {
    const auto ring = make(4, 8);
    ring->bare().set_in_run(true);
    for (int i = 0; i < 10; ++i) {
        ring->queue();
        ring->enter_and_collect();
    }
    ring->bare().set_in_run(false);
}

INSTANTIATE_TEST_SUITE_P(OnEveryKernel, Ring,
                         testing::Values(behind::scripted, behind::epoll, behind::uring,
                                         behind::uring_of_6_1),
                         [](const auto& kind) {
                             switch (kind.param) {
                             case behind::scripted: return "scripted";
                             case behind::epoll: return "epoll";
                             case behind::uring: return "uring";
                             default: return "uring_of_6_1";
                             }
                         });

// ---- the scripted kernel ----------------------------------------------------------------------------------

TEST(ScriptedRing, RefusedEnterKeepsQueue) {
    auto script = std::make_unique<scripted_kernel>();
    script->refuse_enters(2, -EAGAIN);
    auto& history = script->history();
    numbered_ring ring(std::move(script), {4, 8});
    ring.queue(3);
    EXPECT_EQ(ring.bare().enter(0), -EAGAIN);
    EXPECT_EQ(ring.bare().enter(0), -EAGAIN);
    EXPECT_EQ(ring.bare().unsubmitted(), 3u);
    EXPECT_EQ(ring.bare().submissions(), 0u);
    EXPECT_TRUE(ring.queue());
    EXPECT_FALSE(ring.queue());
    EXPECT_EQ(ring.enter_and_collect(), from_to(1, 4));
    EXPECT_EQ(history.size(), 4u);
}

TEST(ScriptedRing, EnterDeliversLimitedCompletions) {
    auto script = std::make_unique<scripted_kernel>();
    auto& kernel = *script;
    kernel.hand_out_at_most(2);
    kernel.then([&] {
        while (!kernel.in_flight().empty())
            kernel.answer(IORING_OP_READ, 0);
    });
    numbered_ring ring(std::move(script), {8, 8});
    for (std::uint64_t i = 1; i <= 5; ++i) {
        io_uring_sqe* sqe = ring.bare().get_sqe();
        sqe->opcode = IORING_OP_READ;
        sqe->fd = -1;
        sqe->user_data = 1000 + i;
    }
    EXPECT_EQ(ring.enter_and_collect(), from_to(1001, 1002));
    EXPECT_TRUE(ring.bare().has_deferred_work());
    EXPECT_EQ(ring.enter_and_collect(), from_to(1003, 1004));
    EXPECT_EQ(ring.enter_and_collect(), numbers{1005});
    EXPECT_FALSE(ring.bare().has_deferred_work());
}

TEST(ScriptedRing, RefusedSetUpThrowsDiagnosis) {
    auto script = std::make_unique<scripted_kernel>();
    script->fail_next_call(EPERM);
    ring refused(std::move(script));
    try {
        refused.open({});
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), std::errc::operation_not_permitted);
        EXPECT_EQ(std::string(failure.what()).find("the script refuses a ring with error 1"), 0u)
            << failure.what();
    }
    EXPECT_FALSE(refused.is_open());
    refused.open({});
    EXPECT_TRUE(refused.is_open()) << "open() can be repeated";
    refused.close(false, time_point::max());
}

TEST(ScriptedRing, RefusedEnableThrows) {
    auto script = std::make_unique<scripted_kernel>();
    auto& kernel = *script;
    ring refused(std::move(script));
    refused.open({});
    kernel.fail_next_call(ENOMEM);
    EXPECT_THROW(refused.enable(), std::system_error);
    EXPECT_FALSE(refused.is_enabled());
    refused.close(false, time_point::max());
}

// ---- the real kernel --------------------------------------------------------------------------------------

TEST(UringKernel, Pretended6_1HasIndexArray) {
    SKIP_IF_IO_URING_IS_REFUSED();
    const age_of_6_1 age;
    uring_kernel old;
    io_uring memory{};
    ASSERT_EQ(old.set_up(memory, {8, 16}), 0);
    EXPECT_EQ(memory.flags & abi::setup_no_sqarray, 0u);
    EXPECT_EQ(memory.features & ~abi::features_of_6_1, 0u);
    for (unsigned i = 0; i < 8; ++i)
        EXPECT_EQ(memory.sq.array[i], i);
    EXPECT_TRUE(old.tear_down(memory, false, time_point::max()));
}

TEST(UringKernel, RoundsUpAndClampsSizes) {
    SKIP_IF_IO_URING_IS_REFUSED();
    uring_kernel kernel;
    io_uring memory{};
    ASSERT_EQ(kernel.set_up(memory, {5, 9}), 0);
    EXPECT_EQ(*memory.sq.kring_entries, 8u);
    EXPECT_EQ(*memory.cq.kring_entries, 16u);
    EXPECT_TRUE(kernel.tear_down(memory, false, time_point::max()));
    ASSERT_EQ(kernel.set_up(memory, {0, 0}), 0) << "the minimum is one entry each";
    EXPECT_TRUE(kernel.tear_down(memory, false, time_point::max()));
    ASSERT_EQ(kernel.set_up(memory, {1u << 20, 1u << 24}), 0);
    EXPECT_EQ(*memory.sq.kring_entries, 32768u);
    EXPECT_EQ(*memory.cq.kring_entries, 65536u);
    EXPECT_TRUE(kernel.tear_down(memory, false, time_point::max()));
}

TEST(UringKernel, WakeEndsWaitAndKeepsErrno) {
    SKIP_IF_IO_URING_IS_REFUSED();
    numbered_ring ring(std::make_unique<uring_kernel>(), {4, 8});
    kernel& behind = ring.bare().behind();
    io_uring_sqe* sqe = ring.bare().get_sqe();
    io_uring_prep_poll_multishot(sqe, behind.wake_descriptor(), POLLIN);
    sqe->user_data = 42;
    EXPECT_EQ(ring.bare().enter(0), 0);
    std::thread waker([&] {
        errno = 1234;
        behind.wake();
        EXPECT_EQ(errno, 1234);
    });
    EXPECT_EQ(ring.bare().enter(1, behind.now() + 10s), 0);
    waker.join();
    std::uint64_t user_data_seen = 0;
    ring.bare().collect([&](const io_uring_cqe& cqe) { user_data_seen = cqe.user_data; });
    EXPECT_EQ(user_data_seen, 42u);
}

TEST(UringKernel, TearDownWaitsForOperations) {
    SKIP_IF_IO_URING_IS_REFUSED();
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    char byte;
    ring closing(std::make_unique<uring_kernel>());
    closing.open({4, 8});
    std::thread([&] {
        closing.enable();
        io_uring_sqe* sqe = closing.get_sqe();
        io_uring_prep_read(sqe, ends[0], &byte, 1, 0);
        EXPECT_EQ(closing.enter(0), 0);
        EXPECT_TRUE(closing.close(true, std::chrono::steady_clock::now() + 10s));
    }).join();
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace
}  // namespace coil::ring
