// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>
#include <optional>

#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>
#include <coil/loop/retry_timer.hpp>

namespace coil::COIL_ABI::op {

/// One accept(2) (IORING_OP_ACCEPT, one-shot). Several may wait: FIFO, and the kernel gets one at a time.
/// Nothing is accepted while no accept() waits: the other connections stay in the listener's backlog.
///
///     in the kernel ----connection------------------------> done
///         ^     |
///         |     +--- error of one connection ----> submitted again immediately, up to 16 times in a row
///         |     +--- no descriptors, no memory,
///         |          or the 17th such error ----> paused
///         +---------------- 100 ms -------------------+
///
/// The record of the new connection is allocated before the accept is submitted, and adopts the descriptor
/// when the completion is collected: a connection always has an owner. Without memory for the record the
/// accept fails, and the connection stays in the backlog. If an accept is destroyed before it resumes, its
/// connection is closed.
class [[nodiscard("co_await it")]] accept : public operation {
public:
    accept(const descriptor_use& target, environment& task) noexcept
        : operation(target, task, lane::queue), back_off_(*this) {}
    ~accept();

    outcome<descriptor_handle> await_outcome() noexcept;  // up: what the completion means
    descriptor_handle await_resume();

protected:
    std::optional<std::int32_t> before_submit() override;
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we submit
    [[nodiscard]] bool next_step() noexcept override;
    const char* name() const noexcept override { return "accept"; }

private:
    descriptor_handle connection_;
    ip::socket_address peer_;  // fits IPv4 and IPv6; for other families only sa_family is used
    socklen_t peer_size_ = 0;
    std::uint8_t skipped_ = 0;  // consecutive per-connection errors
    retry_timer back_off_;
};

static_assert(sizeof(accept) <= 176);

}  // namespace coil::COIL_ABI::op
