// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/write_some.hpp>

#include <algorithm>
#include <limits.h>
#include <poll.h>

#include <liburing.h>

#include <coil/loop/io_context.hpp>

#include "op/clamp.hpp"
#include "op/message.hpp"
#include "ring/kernel.hpp"

namespace coil::COIL_ABI::op {

descriptor_write::~descriptor_write() {
    retire();  // until it has completed, the signal may still be raised
    release_sigpipe();
}

void descriptor_write::prepare(io_uring_sqe& sqe) noexcept {
    if (!holds_sigpipe_)
        target().context().kernel().hold_sigpipe(true);
    holds_sigpipe_ = true;
    descriptor_transfer::prepare(sqe);
}

std::coroutine_handle<> descriptor_write::run() noexcept {
    release_sigpipe();
    return operation::run();
}

void descriptor_write::release_sigpipe() noexcept {
    if (holds_sigpipe_)
        target().context().kernel().hold_sigpipe(false);
    holds_sigpipe_ = false;
}

unsigned descriptor_write::events() const noexcept { return POLLOUT; }

void write_some::prepare_transfer(io_uring_sqe& sqe) noexcept {
    io_uring_prep_write(&sqe, target().number(), buffer_.data(), clamp_size(buffer_.size()), own_position);
}

void writev_some::prepare_transfer(io_uring_sqe& sqe) noexcept {
    io_uring_prep_writev(&sqe, target().number(), reinterpret_cast<const iovec*>(buffers_.data()),
                         static_cast<unsigned>(std::min<std::size_t>(buffers_.size(), IOV_MAX)),
                         own_position);
}

}  // namespace coil::COIL_ABI::op
