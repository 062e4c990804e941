// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include <coil/coro/yield.hpp>
#include <coil/loop/buffer_pool.hpp>

#include "base/mapping.hpp"
#include "support/descriptor_limit.hpp"
#include "support/real_context.hpp"
#include "support/scripted_context.hpp"
#include "support/small_rings.hpp"

// Each step that sets up a context's ring is all or nothing: a refused step leaves nothing behind, and run()
// can be called again. Regression: a first run() without a free descriptor left a context that could never
// run.

namespace coil::test {
namespace {

/// Runs a task, and calls run() again if the first one fails with `error`. Returns true if it failed.
bool run_again_if_refused(io_context& context, int error) {
    bool ran = false;
    const auto yields = [&]() -> task<> {
        co_await yield();
        ran = true;
    };
    co_spawn(context, yields(), detached);
    bool refused = false;
    context.restart();
    try {
        context.run();
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), detail::system_error_code(error)) << failure.what();
        refused = true;
        context.restart();
        context.run();
    }
    EXPECT_TRUE(ran);
    return refused;
}

TEST(SetUp, RunSucceedsAfterEachRefusal) {
    unsigned refusals = 0;
    for (std::size_t n = 0; n < 4; ++n) {
        auto script = std::make_unique<ring::scripted_kernel>();
        script->fail_at(n, EMFILE);
        try {
            scripted_context context(std::move(script));
            refusals += run_again_if_refused(context, EMFILE);
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), std::errc::too_many_files_open);
            ++refusals;
        }
    }
    EXPECT_GE(refusals, 2u);
}

// Regression: a pool that a new ring refused was treated as registered.
TEST(SetUp, NewOwnerHasAllPoolsAfterEachRefusal) {
    unsigned refusals = 0;
    for (std::size_t n = 0; n < 6; ++n) {
        scripted_context context;
        static_cast<void>(context.io().pool());
        static_cast<void>(context.io().pools().datagrams());
        std::thread([&] { run_again_if_refused(context, 0); }).join();
        context.script().fail_later(n, ENOMEM);
        refusals += run_again_if_refused(context, ENOMEM);
        EXPECT_GT(context.script().buffers(detail::pool_group::streams), 0u);
        EXPECT_GT(context.script().buffers(detail::pool_group::datagrams), 0u);
    }
    EXPECT_GE(refusals, 4u) << "the ring, two pools, and enable";
}

TEST(SetUp, RefusedPoolIsUnmapped) {
    const std::size_t before = detail::mapping::bytes_mapped();
    for (const bool incremental: {true, false}) {
        scripted_context context;
        if (!incremental)
            context.script().refuse_incremental_buffers();
        context.script().refuse_buffer_rings();
        for (int i = 0; i < 3; ++i) {
            EXPECT_THROW(static_cast<void>(context.io().pool()), std::system_error);
            EXPECT_THROW(static_cast<void>(context.io().pools().datagrams()), std::system_error);
            EXPECT_THROW(static_cast<void>(context.io().pools().datagrams(true)), std::system_error);
            EXPECT_EQ(context.io().pools().bulk(), nullptr);
        }
        EXPECT_EQ(detail::mapping::bytes_mapped(), before);
    }
}

std::size_t open_descriptors() {
    const std::filesystem::path folder = "/proc/self/fd";
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

std::size_t mapped_rings() {
    std::ifstream maps("/proc/self/maps");
    std::size_t count = 0;
    for (std::string line; std::getline(maps, line);)
        count += line.find("[io_uring]") != std::string::npos;
    return count;
}

TEST(SetUp, LeavesNothingWithoutDescriptors) {
    const std::size_t descriptors = open_descriptors();
    const std::size_t rings = mapped_rings();
    unsigned refusals = 0;
    for (bool is_made = false; !is_made && refusals < 10;) {
        {
            const descriptor_limit here(refusals);
            try {
                io_context context(small_rings);
                is_made = true;
                EXPECT_FALSE(run_again_if_refused(context, 0));
            } catch (const std::system_error& failure) {
                EXPECT_EQ(failure.code(), std::errc::too_many_files_open);
                EXPECT_NE(std::string(failure.what()).find("ulimit -n"), std::string::npos) << failure.what();
                ++refusals;
            }
        }
        EXPECT_EQ(open_descriptors(), descriptors);
        EXPECT_EQ(mapped_rings(), rings);
    }
    EXPECT_GE(refusals, 3u) << "an eventfd, the ring, and a pipe";
}

}  // namespace
}  // namespace coil::test
