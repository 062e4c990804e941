// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/nop.hpp>

#include <liburing.h>

#include <coil/loop/io_context.hpp>

#include "loop/descriptor_table.hpp"

namespace coil::COIL_ABI::op {

nop::nop(detail::environment& task)
    : operation(io_context::of(task).descriptors().unbound(), task, detail::lane::any) {}

void nop::prepare(io_uring_sqe& sqe) noexcept { io_uring_prep_nop(&sqe); }

outcome<void> nop::await_outcome() noexcept { return failure(); }

void nop::await_resume() {
    if (const auto error = failure())
        fail(error);
}

}  // namespace coil::COIL_ABI::op
