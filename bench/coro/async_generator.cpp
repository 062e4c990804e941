// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Measures the cost of getting one value from an async_generator.

#include <coil/coro/async_generator.hpp>

#include "support/rounds.hpp"

namespace coil::bench {
namespace {

async_generator<int> ones() {
    for (;;)
        co_yield 1;
}

task<> yielded_values(benchmark::State& state, io_context& context) {
    int sum = 0;
    auto values = ones();
    rounds rounds(state, context);
    while (rounds.next()) {
        const auto value = co_await values.next();
        sum += *value;
    }
    benchmark::DoNotOptimize(sum);
}

void generator_next(benchmark::State& state) { run(state, yielded_values); }

BENCHMARK(generator_next)->UseRealTime();

}  // namespace
}  // namespace coil::bench
