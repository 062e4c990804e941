// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/frame_allocator.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <coil/coro/task.hpp>

#include "coro/manual_scheduler.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define COIL_TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COIL_TEST_ASAN 1
#endif
#endif

namespace coil::test {
namespace {

// More frames than the quarantine holds, if there is one: after this many frees the first frame can be
// reused.
constexpr int many = 300;

/// Runs `story` on a new thread, whose free lists are empty.
template <class F>
void on_a_new_thread(F story) {
    std::thread(story).join();
}

void allocate_and_free(std::size_t size, int times) {
    for (int i = 0; i < times; ++i)
        detail::frame_deallocate(detail::frame_allocate(size), size);
}

/// Returns how much the counts grow during `step`.
template <class F>
detail::frame_statistics counted(F step) {
    const detail::frame_statistics before = detail::frame_statistics_of_thread();
    step();
    const detail::frame_statistics after = detail::frame_statistics_of_thread();
    return {after.recycled - before.recycled, after.allocated - before.allocated};
}

bool has_quarantine() {
    allocate_and_free(64, 1);
    return detail::frame_quarantine_check() > 0;
}

TEST(FrameAllocator, SteadyStateRecyclesEveryFrame) {
    on_a_new_thread([] {
        allocate_and_free(1000, many);
        const auto counts = counted([] { allocate_and_free(1000, 100); });
        EXPECT_EQ(counts.recycled, 100u);
        EXPECT_EQ(counts.allocated, 0u);
    });
}

TEST(FrameAllocator, SteadyStateTaskAllocatesNothing) {
    on_a_new_thread([] {
        manual_scheduler loop;
        const auto child = [](int value) -> task<int> { co_return value; };
        const auto story = [&](int times) -> task<int> {
            int total = 0;
            for (int i = 0; i < times; ++i)
                total += co_await child(1);
            co_return total;
        };
        loop.run(story(many));
        const auto counts = counted([&] { EXPECT_EQ(loop.run(story(100)), 100); });
        EXPECT_LE(counts.allocated, 2u) << "at most the root and the story, the only frames of their size";
    });
}

// The documented echo keeps 4,096 bytes among its locals: its frame of 4,560 bytes was above the largest
// class.
TEST(FrameAllocator, RecyclesFramesWithBuffers) {
    for (const std::size_t buffer: {4096u, 8192u, 16384u}) {
        on_a_new_thread([buffer] {
            allocate_and_free(buffer + 464, many);
            const auto counts = counted([&] { allocate_and_free(buffer + 464, 100); });
            EXPECT_EQ(counts.recycled, 100u) << buffer;
        });
    }
}

TEST(FrameAllocator, RecyclesEchoFrame) {
    on_a_new_thread([] {
        manual_scheduler loop;
        gate request;
        const auto echo = [&]() -> task<> {
            std::array<std::byte, 4096> buffer;
            while (const int n = co_await request.wait())
                buffer[static_cast<std::size_t>(n)] = std::byte(n);
        };
        const auto serve = [&](int times) -> task<> {
            for (int i = 0; i < times; ++i)
                co_await echo();
        };
        const auto run = [&](int times) {
            auto root = loop.start(serve(times));
            for (loop.run(); !root.done(); loop.run())
                request.open(0);
        };
        run(many);
        const auto counts = counted([&] { run(100); });
        EXPECT_GE(counts.recycled, 100u);
    });
}

TEST(FrameAllocator, RoundsSizesUpToClasses) {
    on_a_new_thread([] {
        allocate_and_free(81, many);
        const auto shared = counted([] { allocate_and_free(112, 1); });
        EXPECT_EQ(shared.recycled, 1u);
        const auto next_class = counted([] { allocate_and_free(113, 1); });
        EXPECT_EQ(next_class.allocated, 1u);
        const auto class_before = counted([] { allocate_and_free(80, 1); });
        EXPECT_EQ(class_before.allocated, 1u);
    });
}

TEST(FrameAllocator, FramesAreWritableAlignedAndDisjoint) {
    on_a_new_thread([] {
        std::vector<std::pair<unsigned char*, std::size_t>> frames;
        for (int round = 0; round < 2; ++round) {
            for (std::size_t size = 1; size <= 21'000; size += size < 5000 ? 37 : 411) {
                auto* frame = static_cast<unsigned char*>(detail::frame_allocate(size));
                EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame) % alignof(std::max_align_t), 0u);
                std::memset(frame, static_cast<int>(size % 251), size);
                frames.emplace_back(frame, size);
            }
            for (const auto& [frame, size]: frames) {
                EXPECT_EQ(frame[0], size % 251);
                EXPECT_EQ(frame[size - 1], size % 251);
                detail::frame_deallocate(frame, size);
            }
            frames.clear();
        }
    });
}

TEST(FrameAllocator, DoesNotCacheLargeFrames) {
    on_a_new_thread([] {
        const auto counts = counted([] { allocate_and_free(20'497, many); });
        EXPECT_EQ(counts.recycled, 0u);
        EXPECT_EQ(counts.allocated, 0u);
        const auto largest_kept = counted([] { allocate_and_free(20'496, many); });
        EXPECT_EQ(largest_kept.recycled + largest_kept.allocated, std::size_t{many});
        EXPECT_GE(largest_kept.recycled, 1u);
    });
}

TEST(FrameAllocator, FrameJoinsListOfFreeingThread) {
    std::vector<void*> frames(many);
    on_a_new_thread([&] {
        for (void*& each: frames)
            each = detail::frame_allocate(500);
    });
    on_a_new_thread([&] {
        for (void* each: frames)
            detail::frame_deallocate(each, 500);
        const auto counts = counted([] { allocate_and_free(500, 10); });
        EXPECT_EQ(counts.recycled, 10u);
        EXPECT_EQ(counts.allocated, 0u);
    });
}

TEST(FrameAllocator, LimitsCacheAfterBurst) {
    on_a_new_thread([] {
        std::vector<void*> frames(6000);
        const auto take_all = [&] {
            for (void*& each: frames)
                each = detail::frame_allocate(4112);
        };
        const auto free_all = [&] {
            for (void* each: frames)
                detail::frame_deallocate(each, 4112);
        };
        take_all();
        free_all();
        const auto counts = counted(take_all);
        EXPECT_EQ(counts.recycled, (std::size_t{16} << 20) / 4112);
        free_all();
    });
}

/// Frees its frame when its thread ends.
struct late_owner {
    ~late_owner() {
        if (frame)
            detail::frame_deallocate(frame, 300);
    }
    void* frame = nullptr;
};

// A burst once filled the cache for good: from then on each frame of another size was allocated and freed.
TEST(FrameAllocator, EvictsUnusedSizeClasses) {
    const auto burst = [](std::size_t size) {
        std::vector<void*> frames((std::size_t{20} << 20) / size);
        for (void*& each: frames)
            each = detail::frame_allocate(size);
        for (void* each: frames)
            detail::frame_deallocate(each, size);
    };
    for (const auto& [left, used]: {std::pair(4112, 600), std::pair(80, 4112), std::pair(80, 600)}) {
        on_a_new_thread([&, left = static_cast<std::size_t>(left), used = static_cast<std::size_t>(used)] {
            burst(left);
            allocate_and_free(used, many + 129);  // in the worst case each call looks at one more size class
            const auto counts = counted([&] { allocate_and_free(used, 100); });
            EXPECT_EQ(counts.allocated, 0u) << used << " after " << left;
            EXPECT_EQ(counts.recycled, 100u);
            // Most frames of the burst are still in the cache.
            const auto again = counted([&] {
                std::vector<void*> frames(many);
                for (void*& each: frames)
                    each = detail::frame_allocate(left);
                for (void* each: frames)
                    detail::frame_deallocate(each, left);
            });
            EXPECT_EQ(again.allocated, 0u);
        });
    }
}

TEST(FrameAllocator, FreesFrameAtThreadExit) {
    on_a_new_thread([] {
        // Constructed before the thread's first frame, so destroyed after the thread's free lists.
        static thread_local late_owner owner;
        owner.frame = nullptr;
        owner.frame = detail::frame_allocate(300);
        allocate_and_free(300, 1);
    });
}

// ---- planted bugs -----------------------------------------------------------------------------------------

// Writes by a system call, as the kernel does for an operation that outlived its frame: no sanitizer sees the
// write.
void write_as_the_kernel_does(void* target, std::string_view bytes) {
    int ends[2];
    if (::pipe(ends) < 0)
        std::abort();
    ::syscall(SYS_write, ends[1], bytes.data(), bytes.size());
    ::syscall(SYS_read, ends[0], target, bytes.size());
}

TEST(FrameAllocatorDeathTest, CheckFindsLateWrite) {
    if (!has_quarantine())
        return;
    EXPECT_DEATH(
        {
            auto* frame = static_cast<char*>(detail::frame_allocate(200));
            detail::frame_deallocate(frame, 200);
            write_as_the_kernel_does(frame + 100, "x");
            detail::frame_quarantine_check();
        },
        "written to after its end: byte 100 of 208 is 0x78");
}

TEST(FrameAllocatorDeathTest, ReuseFindsLateWrite) {
    if (!has_quarantine())
        return;
    EXPECT_DEATH(
        {
            void* frame = detail::frame_allocate(200);
            detail::frame_deallocate(frame, 200);
            write_as_the_kernel_does(frame, "x");
            allocate_and_free(1000, many);
        },
        "written to after its end: byte 0 of 208");
}

TEST(FrameAllocatorDeathTest, ThreadExitFindsLateWrite) {
    if (!has_quarantine())
        return;
    EXPECT_DEATH(on_a_new_thread([] {
                     void* frame = detail::frame_allocate(200);
                     detail::frame_deallocate(frame, 200);
                     write_as_the_kernel_does(frame, "x");
                 }),
                 "written to after its end");
}

#ifdef COIL_TEST_ASAN

TEST(FrameAllocatorDeathTest, AsanFindsReadOfDeadLocal) {
    EXPECT_DEATH(
        {
            manual_scheduler loop;
            const int* local = nullptr;
            gate closed;
            const auto story = [&]() -> task<> {
                int lives_in_the_frame = 5;
                local = &lives_in_the_frame;
                co_await closed.wait();
                ++lives_in_the_frame;
            };
            auto root = loop.start(story());
            loop.run();
            root.destroy();
            std::exit(*local);
        },
        "use-after-poison|heap-use-after-free");
}

TEST(FrameAllocatorDeathTest, AsanFindsReadOfCachedFrame) {
    EXPECT_DEATH(
        {
            auto* frame = static_cast<volatile char*>(detail::frame_allocate(200));
            detail::frame_deallocate(const_cast<char*>(frame), 200);
            allocate_and_free(1000, many);
            std::exit(frame[50]);
        },
        "use-after-poison");
}

TEST(FrameAllocatorDeathTest, AsanFindsReadOfLargeFrame) {
    EXPECT_DEATH(
        {
            auto* frame = static_cast<volatile char*>(detail::frame_allocate(30000));
            detail::frame_deallocate(const_cast<char*>(frame), 30000);
            std::exit(frame[50]);
        },
        "heap-use-after-free");
}

#endif

}  // namespace
}  // namespace coil::test
