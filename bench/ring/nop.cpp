// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Sends no-ops through the ring. A no-op shows the minimum cost of any operation. The argument is the number
// of concurrent no-ops. Each loop iteration submits and collects all of them together.

#include <coil/op/nop.hpp>

#include "support/bare.hpp"
#include "support/rounds.hpp"

namespace coil::bench {
namespace {

task<> nops_until(const bool& over) {
    while (!over)
        co_await op::nop_description{};
}

// The tasks run in lockstep. Each task has one no-op per iteration, so in one round of the counting task,
// every other task completes one no-op.
task<> nops_at_a_time(benchmark::State& state, io_context& context) {
    bool over = false;
    for (int i = 1; i < state.range(0); ++i)
        co_spawn(context, nops_until(over), detached);
    co_await op::nop_description{};
    rounds rounds(state, context, {.operations = state.range(0)});
    while (rounds.next())
        co_await op::nop_description{};
    over = true;
    co_await op::nop_description{};  // lets the other tasks end before `over` is destroyed
}

void nop(benchmark::State& state) { run(state, nops_at_a_time); }

void bare_nop(benchmark::State& state) {
    enum : std::uint64_t { counts, other };
    bare::ring ring;
    ring.nop(counts);
    for (int i = 1; i < state.range(0); ++i)
        ring.nop(other);

    rounds rounds(state, ring, {.operations = state.range(0)});
    for (bool over = false; !over;) {
        ring.iterate([&](std::uint64_t tag, int) {
            if (tag == counts)
                over = !rounds.next();
            ring.nop(tag);
        });
    }
}

BENCHMARK(nop)->Arg(1)->Arg(8)->Arg(32)->Arg(128)->UseRealTime();
BENCHMARK(bare_nop)->Name("bare/nop")->Arg(1)->Arg(8)->Arg(32)->Arg(128)->UseRealTime();

}  // namespace
}  // namespace coil::bench
