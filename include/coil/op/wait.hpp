// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coil/base/outcome.hpp>
#include <coil/base/wait_type.hpp>
#include <coil/loop/operation.hpp>

namespace coil::COIL_ABI::op {

/// Waits until a descriptor is ready (IORING_OP_POLL_ADD), and moves no bytes. What was received ahead counts: while it is
/// unread the kernel's socket may be empty. Any number may wait, beside whatever else is going on.
///
///     submitted ----the kernel's events-----------------------------------> done
///         |
///         +----told that something was received ahead ----its cancel----> done, and ready to be read
///
/// For out-of-band data alone the ring's poll never wakes: that event it leaves out when it looks at what woke it (6.1 to 6.18).
/// So it is asked for a neighbour as well, which a socket names in the same breath, and which is never so. That wakes it for
/// whatever arrives; what is so is then asked of poll(2), and if it is nothing, the wait goes on.
class [[nodiscard("co_await it")]] wait final : public operation {
public:
    wait(const descriptor_use& what, environment& task) noexcept
        : operation(what, task, lane::any), wanted_(static_cast<wait_type>(what.flags)) {}

    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> caller);
    std::coroutine_handle<> run() noexcept override;
    outcome<wait_type> await_outcome() noexcept;  // up: what its answer means
    wait_type await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we ask of the kernel
    void source_has_news() noexcept override;
    const char* name() const noexcept override { return "wait"; }

private:
    [[nodiscard]] bool can_be_told() const noexcept;
    [[nodiscard]] unsigned events_now() const noexcept;

    wait_type wanted_;
    unsigned events_ = 0;
    bool told_ = false;
};

/// Its flags are what to wait for.
struct [[nodiscard("co_await it")]] wait_description : descriptor_use {
    wait operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(wait) <= 96 && sizeof(wait_description) <= 40);

}  // namespace coil::COIL_ABI::op
