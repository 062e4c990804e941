// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/io_context.hpp>

#include <limits>

#include <coil/loop/buffer_pool.hpp>

#include "loop/context_life.hpp"
#include "loop/ticks.hpp"
#include "ring/engine.hpp"
#include "ring/ring.hpp"

namespace coil::COIL_ABI {
namespace {

constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

}  // namespace

io_context::io_context() : io_context(options{}) {}

io_context::io_context(detail::owned<ring::kernel> kernel) : io_context(std::move(kernel), options{}) {}

io_context::io_context(const options& chosen)
    : io_context(ring::make_kernel(ring::choose_engine(chosen.engine).engine), chosen) {
    engine_reason_ = ring::choose_engine(chosen.engine).reason.c_str();
}

io_context::io_context(detail::owned<ring::kernel> kernel, const options& chosen)
    : event_loop(std::move(kernel), chosen) {}

io_context::~io_context() { tear_down(); }

std::size_t io_context::run() {
    return run_iterations(time_point::max(), unlimited, true, "io_context::run");
}

std::size_t io_context::run_one() {
    return run_iterations(time_point::max(), 1, true, "io_context::run_one");
}

std::size_t io_context::run_until(time_point deadline) {
    return run_iterations(deadline, unlimited, true, "io_context::run_until");
}

std::size_t io_context::poll() {
    return run_iterations(time_point::max(), unlimited, false, "io_context::poll");
}

std::size_t io_context::poll_one() {
    return run_iterations(time_point::max(), 1, false, "io_context::poll_one");
}

// After stopped_ has been set, run() may return and the owner may destroy the context. The calls of
// life.enter() and life.leave() keep the context alive until wake() has returned.
void io_context::stop() noexcept {
    detail::context_life& life = *self_.life();
    if (!life.enter())
        return;
    stopped_.store(true, std::memory_order_release);
    kernel().wake();
    life.leave();
}

io_engine io_context::engine() const noexcept { return kernel().engine(); }

buffer_pool& io_context::pool() { return pools_.streams(); }

io_context::counters io_context::metrics() const {
    check_thread("io_context::metrics");
    counters now = counts_;
    now.enters = ring_->enters();
    now.system_calls = ring_->system_calls() + counts_.sends_direct;
    now.submissions = ring_->submissions();
    now.completions = ring_->completions();
    now.overflows = ring_->overflows();
    now.busy_max = nanoseconds_of(busy_max_, first_tick_, first_time_);
    now.held = pools_.held();
    pools_.for_each([&now](const buffer_pool& each) {
        now.starved += each.metrics().starved;
        now.copied += each.metrics().copied;
        now.pinned += each.metrics().pinned;
        now.pinned_max += each.metrics().pinned_max;
    });
    return now;
}

}  // namespace coil::COIL_ABI
