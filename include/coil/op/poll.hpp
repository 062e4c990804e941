// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>

#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>

namespace coil::COIL_ABI::op {

/// One poll(2) of a descriptor (IORING_OP_POLL_ADD): waits until it is ready for `events`, and gives those that it is
/// ready for. Several may wait: they are served in order.
class [[nodiscard]] poll : public operation {
public:
    poll(const descriptor_use& target, std::uint32_t events, environment& task) noexcept
        : operation(target, task, lane::queue), events_(events) {}

    outcome<std::uint32_t> await_outcome() noexcept;  // up: what its answer means
    std::uint32_t await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we ask of the kernel
    const char* name() const noexcept override { return "poll"; }

private:
    std::uint32_t events_;
};

struct [[nodiscard]] poll_description : descriptor_use {
    std::uint32_t events = 0;
    poll operation_in(environment& task) const noexcept { return {*this, events, task}; }
};

static_assert(sizeof(poll) <= 96 && sizeof(poll_description) <= 40);

}  // namespace coil::COIL_ABI::op
