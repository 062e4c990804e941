// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <cstdint>
#include <optional>

#include <coil/base/outcome.hpp>
#include <coil/base/wait_type.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/description.hpp>

namespace coil::COIL_ABI::op {

/// Waits until a descriptor is ready (IORING_OP_POLL_ADD); moves no bytes. Unread data that was received
/// ahead counts as readable, even if the kernel's socket is empty. Any number may wait, alongside other
/// operations.
///
///     submitted ----poll events-----------------------------> done
///         |
///         +----data was received ahead----> cancelled ------> done, readable
///
/// A poll for POLLPRI alone is never woken: io_uring masks POLLPRI out of the wake-up (6.1 to 6.18). So we
/// add POLLRDBAND, which sockets signal together with POLLPRI and which never reads as ready. The poll then
/// completes for any arrival; poll(2) says which events are present, and if there are none, the wait
/// continues.
class [[nodiscard("co_await it")]] wait final : public operation {
public:
    wait(const descriptor_use& what, environment& task) noexcept
        : operation(what, task, lane::any), wanted_(static_cast<wait_type>(what.flags)) {}

    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> caller);
    std::coroutine_handle<> run() noexcept override;
    outcome<wait_type> await_outcome() noexcept;  // up: what the completion means
    wait_type await_resume();

protected:
    std::optional<std::int32_t> before_submit() override;
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we submit
    void source_has_data() noexcept override;
    const char* name() const noexcept override { return "wait"; }

private:
    [[nodiscard]] bool source_is_readable() const noexcept;
    [[nodiscard]] unsigned events_now() const noexcept;

    wait_type wanted_;
    unsigned events_ = 0;
    bool source_ready_ = false;
};

/// The flags hold the wait_type.
using wait_description = description_of<wait, descriptor_use>;

static_assert(sizeof(wait) <= 96 && sizeof(wait_description) <= 40);

}  // namespace coil::COIL_ABI::op
