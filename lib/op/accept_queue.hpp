// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <coil/loop/timers.hpp>
#include <coil/op/accept.hpp>

namespace coil::op {

/// What stands behind `accept()`: the connections that were accepted and not yet taken, those who wait for one (in the
/// record's list), and the one operation that brings the next.
///
///     filler   idle ----somebody waits----> in the kernel ----connection----> idle, or again if somebody still waits
///                ^                               |
///                |                               | no descriptors, no memory
///                +-- nobody waits: cancelled     +--> pausing ----a tenth of a second----> in the kernel
class accept_queue final : public descriptor_source {
public:
    static constexpr std::size_t accepted_max = 16;

    explicit accept_queue(descriptor& record);
    ~accept_queue() override;

    /// Serves `waiter`, now or when a connection comes.
    void wait(accept& waiter) noexcept;
    /// A connection that nobody took after all: for the next in line.
    void put_back(const accepted& connection) noexcept;
    /// Somebody has stopped waiting: if nobody is left, the kernel need not look any further.
    void relax() noexcept;

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
        const char* name() const noexcept override { return "accept"; }

    private:
        [[nodiscard]] accepted take() noexcept;

        accept_queue& queue_;
        ip::socket_address peer_;
        socklen_t peer_size_ = sizeof peer_;
    };

    class back_off final : public timer_entry {
    public:
        explicit back_off(accept_queue& queue) noexcept : queue_(queue) {}
        std::coroutine_handle<> run() noexcept override;

    private:
        accept_queue& queue_;
    };

    void deliver(const accepted& connection) noexcept;
    void fill() noexcept;
    void fail_all(std::int32_t result) noexcept;
    void close_connection(int number) noexcept;

    descriptor& record_;
    filler filler_;
    back_off back_off_;
    std::array<accepted, accepted_max + 1>
        accepted_;  // one more than is ever filled ahead: a place for what is put back
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    bool closed_ = false;
};

}  // namespace coil::op
