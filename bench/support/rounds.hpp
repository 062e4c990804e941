// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <benchmark/benchmark.h>

#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>

#include "support/counting.hpp"

namespace coil::bench {

/// The amount of work in one round of a benchmark.
struct round_shape {
    std::int64_t operations = 1;
    std::int64_t bytes = 0;      // bytes moved per round, for the bytes/s in the report
    std::int64_t counted = 200;  // number of counted rounds
};

/// Controls the loop of a benchmark, which runs first the timed rounds and then a few counted rounds. No
/// round is both timed and counted, because counting slows down system calls.
///
///     bench::rounds rounds(state, context);
///     while (rounds.next())
///         co_await coil::op::nop_description{};
///
/// Reports syscalls/op, SQEs/op and allocs/op. If system calls cannot be counted, reports the loop's enters
/// instead, as ~syscalls/op.
class rounds {
public:
    /// Use this constructor if there is no loop. Only allocations and system calls are then reported.
    explicit rounds(benchmark::State& state, const round_shape& shape = {}) : state_(&state), shape_(shape) {}
    rounds(benchmark::State& state, io_context& context, const round_shape& shape = {})
        : rounds(state, shape) {
        loop_ = [&context] {
            const auto now = context.metrics();
            return loop_counts{now.enters, now.submissions};
        };
    }
    /// `loop` may be of any class that has a counts() function.
    template <class Loop>
    rounds(benchmark::State& state, Loop& loop, const round_shape& shape = {}) : rounds(state, shape) {
        loop_ = [&loop] { return loop.counts(); };
    }
    rounds(const rounds&) = delete;
    rounds& operator=(const rounds&) = delete;

    /// Returns true if there is another round.
    [[nodiscard]] bool next() {
        if (timing_) [[likely]] {
            if (state_->KeepRunning()) [[likely]]
                return true;
            begin_counting();
        }
        return next_counted();
    }

private:
    void begin_counting() {
        timing_ = false;
        if (state_->error_occurred())
            return;
        left_ = shape_.counted;
        counting_.emplace(loop_);
    }

    bool next_counted() {
        if (left_ > 0) {
            --left_;
            return true;
        }
        if (counting_)
            report(counting_->stop());
        counting_.reset();
        return false;
    }

    void report(const counts& found) {
        const auto operations = static_cast<double>(shape_.counted * shape_.operations);
        if (loop_ || !found.system_calls_are_enters)
            state_->counters[found.system_calls_are_enters ? "~syscalls/op" : "syscalls/op"] =
                found.system_calls / operations;
        if (loop_)
            state_->counters["SQEs/op"] = found.submissions / operations;
        state_->counters["allocs/op"] = found.allocations / operations;
        state_->SetItemsProcessed(state_->iterations() * shape_.operations);
        if (shape_.bytes > 0)
            state_->SetBytesProcessed(state_->iterations() * shape_.bytes);
    }

    benchmark::State* state_;
    round_shape shape_;
    std::function<loop_counts()> loop_;
    std::optional<counting> counting_;
    std::int64_t left_ = 0;
    bool timing_ = true;
};

/// Runs the coroutine `story(state, context, rest...)` on its own context.
template <class Story, class... Rest>
void run(benchmark::State& state, Story story, Rest... rest) {
    io_context context;
    context.on_task_error([&](const task_failure& failure) {
        state.SkipWithError(failure.text.c_str());
        context.stop();
    });
    co_spawn(context, story(state, context, rest...), detached);
    context.run();
}

}  // namespace coil::bench
