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
#include "ring/uring_kernel.hpp"
#include "support/scripted_kernel.hpp"

namespace coil::ring {
namespace {

using namespace std::chrono_literals;
using numbers = std::vector<std::uint64_t>;

/// Makes kernels of this process as old as Linux 6.1 while it lives.
class age_of_6_1 {
public:
    age_of_6_1() { uring_kernel::pretend_6_1(true); }
    age_of_6_1(const age_of_6_1&) = delete;
    ~age_of_6_1() {
        const char* chosen = std::getenv("COIL_TEST_KERNEL");
        uring_kernel::pretend_6_1(chosen && std::string_view(chosen) == "6.1");
    }
};

/// A ring whose operations are nops that bear numbers.
class numbered_ring {
public:
    numbered_ring(std::unique_ptr<kernel> behind, const parameters& wanted) : ring_(std::move(behind)) {
        ring_.open(wanted);
        ring_.enable();
    }
    ~numbered_ring() { EXPECT_TRUE(ring_.close(false, time_point::max())); }

    [[nodiscard]] ring& bare() { return ring_; }

    /// Fills in the next nop. False: there is no free slot.
    bool ask() {
        io_uring_sqe* sqe = ring_.get_sqe();
        if (!sqe)
            return false;
        io_uring_prep_nop(sqe);
        sqe->user_data = ++asked_;
        return true;
    }
    bool ask(int times) {
        bool found = true;
        while (found && times-- > 0)
            found = ask();
        return found;
    }
    /// What is there now.
    numbers collect() {
        numbers answered;
        ring_.collect([&](const io_uring_cqe& cqe) {
            EXPECT_EQ(cqe.res, 0);
            answered.push_back(cqe.user_data);
        });
        return answered;
    }
    numbers enter_and_collect() {
        EXPECT_EQ(ring_.enter(1), 0);
        return collect();
    }

private:
    ring ring_;
    std::uint64_t asked_ = 0;
};

numbers from_to(std::uint64_t first, std::uint64_t last) {
    numbers all(last - first + 1);
    std::iota(all.begin(), all.end(), first);
    return all;
}

// ---- on every kernel -------------------------------------------------------------------------------------------------

enum class behind { scripted, uring, uring_of_6_1 };

class Ring : public testing::TestWithParam<behind> {
protected:
    static std::unique_ptr<kernel> make_kernel() {
        if (GetParam() == behind::scripted)
            return std::make_unique<scripted_kernel>();
        return std::make_unique<uring_kernel>();
    }
    // A kernel decides when it makes the ring's memory.
    static std::unique_ptr<numbered_ring> make(unsigned entries, unsigned completions) {
        const auto age = GetParam() == behind::uring_of_6_1 ? std::make_unique<age_of_6_1>() : nullptr;
        return std::make_unique<numbered_ring>(make_kernel(), parameters{entries, completions});
    }
};

TEST_P(Ring, SubmissionsGoRoundAndRoundAndAreAnsweredInOrder) {
    const auto ring = make(4, 8);
    for (std::uint64_t round = 0; round < 100; ++round) {
        ASSERT_TRUE(ring->ask(3));
        ASSERT_EQ(ring->enter_and_collect(), from_to(round * 3 + 1, round * 3 + 3));
    }
}

TEST_P(Ring, AFullSubmissionQueueHasNoSlotUntilTheNextEnter) {
    const auto ring = make(4, 8);
    EXPECT_TRUE(ring->ask(4));
    EXPECT_EQ(ring->bare().unsubmitted(), 4u);
    EXPECT_FALSE(ring->ask());
    EXPECT_FALSE(ring->ask());
    EXPECT_EQ(ring->bare().unsubmitted(), 4u);
    EXPECT_EQ(ring->bare().enter(0), 0);
    EXPECT_EQ(ring->bare().unsubmitted(), 0u);
    EXPECT_TRUE(ring->ask(4));
    EXPECT_EQ(ring->bare().enter(4), 0);
    EXPECT_EQ(ring->collect(), from_to(1, 8));
}

TEST_P(Ring, CompletionsAreShownAndHandedOutInPortions) {
    const auto ring = make(8, 16);
    EXPECT_TRUE(ring->ask(5));
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

TEST_P(Ring, NothingIsSubmittedBeforeAnEnter) {
    const auto ring = make(4, 8);
    EXPECT_TRUE(ring->ask(2));
    EXPECT_EQ(ring->collect(), numbers());
    EXPECT_EQ(ring->bare().unsubmitted(), 2u);
    EXPECT_EQ(ring->bare().submissions(), 0u);
    EXPECT_EQ(ring->enter_and_collect(), from_to(1, 2));
}

TEST_P(Ring, ASlotIsClearedBeforeItIsFilledAgain) {
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

TEST_P(Ring, AFullCompletionQueueOverflowsAndLosesNothing) {
    const auto ring = make(4, 4);
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(ring->ask(4));
        EXPECT_EQ(ring->bare().enter(0), 0);
    }
    EXPECT_TRUE(ring->bare().has_deferred_work()) << "only an enter brings them";
    numbers answered;
    for (int enters = 0; answered.size() < 20 && enters < 20; ++enters) {
        const numbers some = ring->collect();
        answered.insert(answered.end(), some.begin(), some.end());
        EXPECT_EQ(ring->bare().enter(0), 0);
    }
    EXPECT_EQ(answered, from_to(1, 20));
    EXPECT_EQ(ring->bare().overflows(), 7u) << "enters after which there was more than the queue can hold";
    EXPECT_FALSE(ring->bare().has_deferred_work());
}

TEST_P(Ring, CountsEntersSubmissionsAndCompletions) {
    const auto ring = make(8, 16);
    for (int i = 0; i < 3; ++i) {
        ring->ask(5);
        ring->enter_and_collect();
    }
    ring->ask();
    EXPECT_EQ(ring->bare().enters(), 3u);
    EXPECT_EQ(ring->bare().submissions(), 15u);
    EXPECT_EQ(ring->bare().completions(), 15u);
    EXPECT_EQ(ring->bare().overflows(), 0u);
    ring->enter_and_collect();
}

TEST_P(Ring, WhileCollectingTheNextOnesMayBeAsked) {
    const auto ring = make(2, 4);
    ring->ask(2);
    EXPECT_EQ(ring->bare().enter(1), 0);
    EXPECT_EQ(ring->bare().collect([&](const io_uring_cqe&) { EXPECT_TRUE(ring->ask()); }), 2u);
    EXPECT_EQ(ring->enter_and_collect(), from_to(3, 4));
}

TEST_P(Ring, CollectingGivesThePlacesBack) {
    const auto ring = make(4, 4);
    ring->ask(4);
    EXPECT_EQ(ring->enter_and_collect(), from_to(1, 4));
    EXPECT_EQ(ring->collect(), numbers());
    ring->ask(4);
    EXPECT_EQ(ring->bare().enter(0), 0);
    EXPECT_FALSE(ring->bare().has_deferred_work());
    EXPECT_EQ(ring->collect(), from_to(5, 8));
}

TEST_P(Ring, AWaitEndsAtItsDeadline) {
    const auto ring = make(4, 8);
    kernel& behind = ring->bare().behind();
    const time_point deadline = behind.now() + 2ms;
    ring->bare().enter(1, deadline);
    EXPECT_GE(behind.now(), deadline);
    EXPECT_EQ(ring->collect(), numbers());
    // One that has passed already doesn't wait, and submits all the same.
    ring->ask();
    ring->bare().enter(2, deadline);
    EXPECT_EQ(ring->collect(), numbers{1});
}

TEST_P(Ring, APauseSubmitsNothing) {
    const auto ring = make(4, 8);
    ring->ask();
    ring->bare().pause(ring->bare().behind().now() + 1ms);
    EXPECT_EQ(ring->bare().unsubmitted(), 1u);
    EXPECT_EQ(ring->collect(), numbers());
    EXPECT_EQ(ring->enter_and_collect(), numbers{1});
}

TEST_P(Ring, BelongsToTheThreadThatEnabledIt) {
    const auto ring = make(4, 8);
    ring->ask();
    int elsewhere = 0;
    std::thread([&] { elsewhere = ring->bare().enter(0); }).join();
    EXPECT_EQ(elsewhere, -EEXIST);
    EXPECT_EQ(ring->enter_and_collect(), numbers{1});
}

TEST_P(Ring, IsNotEnteredBeforeItIsEnabledByWhicheverThread) {
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

TEST_P(Ring, ManyEntersWhileAttendedAreAsGoodAsOne) {
    const auto ring = make(4, 8);
    for (int round = 0; round < 3; ++round) {
        ring->bare().attend(true);
        for (int i = 0; i < 10; ++i) {
            ring->ask();
            EXPECT_EQ(ring->enter_and_collect().size(), 1u);
        }
        ring->bare().attend(false);
        ring->ask();
        EXPECT_EQ(ring->enter_and_collect().size(), 1u);
    }
}

TEST_P(Ring, MayBeClosedWhileItIsAttended) {
    const auto ring = make(4, 8);
    ring->bare().attend(true);
    for (int i = 0; i < 10; ++i) {
        ring->ask();
        ring->enter_and_collect();
    }
    ring->bare().attend(false);
}

INSTANTIATE_TEST_SUITE_P(OnEveryKernel, Ring,
                         testing::Values(behind::scripted, behind::uring, behind::uring_of_6_1),
                         [](const auto& kind) {
                             switch (kind.param) {
                             case behind::scripted: return "scripted";
                             case behind::uring: return "uring";
                             default: return "uring_of_6_1";
                             }
                         });

// ---- what only the script can do -------------------------------------------------------------------------------------

TEST(ScriptedRing, AnEnterThatIsRefusedLeavesEverythingQueued) {
    auto script = std::make_unique<scripted_kernel>();
    script->refuse_enters(2, -EAGAIN);
    auto& history = script->history();
    numbered_ring ring(std::move(script), {4, 8});
    ring.ask(3);
    EXPECT_EQ(ring.bare().enter(0), -EAGAIN);
    EXPECT_EQ(ring.bare().enter(0), -EAGAIN);
    EXPECT_EQ(ring.bare().unsubmitted(), 3u);
    EXPECT_EQ(ring.bare().submissions(), 0u);
    EXPECT_TRUE(ring.ask());
    EXPECT_FALSE(ring.ask());
    EXPECT_EQ(ring.enter_and_collect(), from_to(1, 4));
    EXPECT_EQ(history.size(), 4u);
}

TEST(ScriptedRing, OneEnterHandsOutOnlySomeOfWhatIsDone) {
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

TEST(ScriptedRing, ARefusedSetUpThrowsWhatTheKernelDiagnoses) {
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
    EXPECT_TRUE(refused.is_open()) << "it may be tried again";
    refused.close(false, time_point::max());
}

TEST(ScriptedRing, ARefusedEnableThrows) {
    auto script = std::make_unique<scripted_kernel>();
    auto& kernel = *script;
    ring refused(std::move(script));
    refused.open({});
    kernel.fail_next_call(ENOMEM);
    EXPECT_THROW(refused.enable(), std::system_error);
    EXPECT_FALSE(refused.is_enabled());
    refused.close(false, time_point::max());
}

// ---- the real kernel ---------------------------------------------------------------------------------------------------

TEST(UringKernel, AsOfLinux6_1HasAnIndexArrayAndNoLaterFeature) {
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

TEST(UringKernel, RingsAreRoundedUpAndClamped) {
    uring_kernel kernel;
    io_uring memory{};
    ASSERT_EQ(kernel.set_up(memory, {5, 9}), 0);
    EXPECT_EQ(*memory.sq.kring_entries, 8u);
    EXPECT_EQ(*memory.cq.kring_entries, 16u);
    EXPECT_TRUE(kernel.tear_down(memory, false, time_point::max()));
    ASSERT_EQ(kernel.set_up(memory, {0, 0}), 0) << "one of each is the least";
    EXPECT_TRUE(kernel.tear_down(memory, false, time_point::max()));
    ASSERT_EQ(kernel.set_up(memory, {1u << 20, 1u << 24}), 0);
    EXPECT_EQ(*memory.sq.kring_entries, 32768u);
    EXPECT_EQ(*memory.cq.kring_entries, 65536u);
    EXPECT_TRUE(kernel.tear_down(memory, false, time_point::max()));
}

TEST(UringKernel, AWakeEndsAWaitAndLeavesErrnoAlone) {
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
    std::uint64_t whose = 0;
    ring.bare().collect([&](const io_uring_cqe& cqe) { whose = cqe.user_data; });
    EXPECT_EQ(whose, 42u);
}

TEST(UringKernel, TearingDownWithOperationsInFlightWaitsUntilTheKernelHasLetGo) {
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
