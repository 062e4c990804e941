// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/write_some.hpp>

#include <poll.h>

#include <liburing.h>

#include <coil/loop/io_context.hpp>

#include "op/message.hpp"
#include "ring/kernel.hpp"

namespace coil::COIL_ABI::op {

descriptor_write::~descriptor_write() {
    retire();  // until the write has completed, it may raise SIGPIPE
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
    return detail::operation::run();
}

void descriptor_write::release_sigpipe() noexcept {
    if (holds_sigpipe_)
        target().context().kernel().hold_sigpipe(false);
    holds_sigpipe_ = false;
}

unsigned descriptor_write::events() const noexcept { return POLLOUT; }

void descriptor_write::prepare_transfer(io_uring_sqe& sqe) noexcept {
    const const_buffers buffers = bytes();
    if (buffers.size() == 1)
        io_uring_prep_write(&sqe, target().number(), buffers.front().data(),
                            clamp_size(buffers.front().size()), own_position);
    else
        io_uring_prep_writev(&sqe, target().number(), iovecs_of(buffers),
                             static_cast<unsigned>(buffers.size()), own_position);
}

}  // namespace coil::COIL_ABI::op
