// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include <coil/loop/timers.hpp>
#include <coil/op/accept.hpp>

namespace coil::COIL_ABI::op {

/// What stands behind `accept()`: the connections that were accepted and not yet taken, those who wait for one (in the
/// record's list), and the one multishot operation that brings them.
///
///     filler   idle ----somebody waits----> in the kernel ----connection----> in the kernel, also while nobody waits
///                ^                             |     |
///                |                             |     | no descriptors, no memory
///                +--- the last one gave up ----+     +--> pausing ----a tenth of a second----> in the kernel
///                +--- the queue is full -------+
///
/// Full means `unaccepted_max`. What the kernel accepts before it sees the cancel comes on top.
class accept_queue final : public descriptor_source {
public:
    explicit accept_queue(descriptor& record);
    ~accept_queue() override;

    [[nodiscard]] bool is_empty() const noexcept { return accepted_.empty(); }
    /// The first of those that were not yet taken.
    [[nodiscard]] int take() noexcept;
    /// Serves `waiter`, now or when a connection comes.
    void wait(accept& waiter) noexcept;
    /// A connection that nobody took after all: for the next in line.
    void put_back(int number) noexcept;
    /// Somebody has stopped waiting: if nobody is left, the kernel need not look any further.
    void relax() noexcept;

    [[nodiscard]] bool has_news() const noexcept override { return !is_empty(); }
    void close() noexcept override;
    void cancel() noexcept override {}  // those who wait are in the record's list, and cancelled with it

private:
    class filler final : public operation {
    public:
        explicit filler(accept_queue& queue);
        ~filler();

        std::coroutine_handle<> run() noexcept override;
        void ask() noexcept;
        [[nodiscard]] bool is_asking() const noexcept { return !is_idle(); }

    protected:
        void prepare(io_uring_sqe& sqe) noexcept override;
        void more(const coil::answer& given) noexcept override;
        const char* name() const noexcept override { return "accept"; }

    private:
        accept_queue& queue_;
    };

    class back_off final : public timer_entry {
    public:
        explicit back_off(accept_queue& queue) noexcept : queue_(queue) {}
        std::coroutine_handle<> run() noexcept override;

    private:
        accept_queue& queue_;
    };

    void arrived(int number) noexcept;
    void deliver(int number) noexcept;
    void fill() noexcept;
    void fail_all(std::int32_t result) noexcept;
    void close_connection(int number) noexcept;

    descriptor& record_;
    bool closed_ = false;
    std::deque<int> accepted_;  // while there are any, nobody waits
    back_off back_off_;
    filler filler_;  // last, so that it goes first: while it ends, connections may still come
};

}  // namespace coil::COIL_ABI::op
