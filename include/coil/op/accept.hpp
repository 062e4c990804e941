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

/// One accept(2) (IORING_OP_ACCEPT, one-shot). Several accepts on a listener may wait in FIFO order, but the
/// kernel gets only one at a time. While no accept is waiting, the kernel keeps new connections in the
/// listener's backlog.
///
///     in the kernel ----connection------------------------> done
///         ^     |
///         |     +--- connection error ----> submitted again immediately, for the first 16 such errors
///         |     +--- no descriptors, no memory,
///         |          or any later connection error ----> paused
///         +------------------ 100 ms ----------------------+
///
/// Before coil submits an accept, it allocates a record for the new connection. The record takes ownership of
/// the connection's descriptor when the completion is collected, so every accepted connection has an owner.
/// If there is no memory for the record, the accept fails and the connection stays in the backlog. If an
/// accept is destroyed before its task resumes, the accepted connection is closed.
class [[nodiscard("co_await it")]] accept : public detail::operation {
public:
    accept(const detail::descriptor_use& target, detail::environment& task) noexcept
        : operation(target, task, detail::lane::queue), back_off_(*this) {}
    ~accept() override;

    outcome<detail::descriptor_handle> await_outcome() noexcept;  // interprets the completion
    detail::descriptor_handle await_resume();

protected:
    std::optional<std::int32_t> before_submit() override;
    void prepare(io_uring_sqe& sqe) noexcept override;  // fills in the SQE
    [[nodiscard]] bool next_step() noexcept override;
    const char* name() const noexcept override { return "accept"; }

private:
    detail::descriptor_handle connection_;
    ip::socket_address peer_;  // holds an IPv4 or IPv6 address; for other families, only sa_family is used
    socklen_t peer_size_ = 0;
    std::uint8_t skipped_ = 0;  // connection errors skipped so far
    detail::retry_timer back_off_;
};

static_assert(sizeof(accept) <= 176);

}  // namespace coil::COIL_ABI::op
