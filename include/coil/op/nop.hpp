// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>

namespace coil::COIL_ABI::op {

/// A round trip through the kernel that does no work (IORING_OP_NOP). It shows the minimum cost of an
/// operation.
class [[nodiscard("co_await it")]] nop final : public detail::operation {
public:
    explicit nop(detail::environment& task);

    outcome<void> await_outcome() noexcept;  // interprets the completion
    void await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // fills in the SQE
    const char* name() const noexcept override { return "nop"; }
};

struct [[nodiscard("co_await it")]] nop_description {
    nop operation_in(detail::environment& task) const { return nop(task); }
};

}  // namespace coil::COIL_ABI::op
