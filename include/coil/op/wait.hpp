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

/// Waits until a descriptor is ready (IORING_OP_POLL_ADD), without moving any bytes. If the descriptor's
/// source, such as the queue of a `recv_stream`, holds unread data, the descriptor counts as readable even if
/// the kernel's socket buffer is empty. Any number of waits may be pending on a descriptor, together with
/// other operations.
///
///     submitted ----poll events-----------------------------> done
///         |
///         +----the source receives data---> cancelled ------> done, readable
///
/// A wait for out-of-band data polls for POLLPRI and POLLRDBAND. POLLPRI alone is not sufficient, because
/// io_uring (6.1 to 6.18) ignores POLLPRI when a socket wakes its pollers. A socket wakes its pollers with
/// POLLPRI and POLLRDBAND whenever anything arrives, so the poll completes even if there is no out-of-band
/// data. When the poll has completed, the operation therefore calls poll(2) to find out which events are
/// present. If no event is present, the operation continues to wait.
///
/// io_uring always polls for POLLRDHUP, too. If the peer has shut down its direction of the stream, a wait
/// for other events uses a multishot poll, which continues after an event that is not wanted.
class [[nodiscard("co_await it")]] wait final : public detail::operation {
public:
    wait(const detail::descriptor_use& what, detail::environment& task) noexcept
        : operation(what, task, detail::lane::any), wanted_(static_cast<wait_type>(what.flags)) {}

    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> caller);
    std::coroutine_handle<> run() noexcept override;
    outcome<wait_type> await_outcome() noexcept;  // interprets the completion
    wait_type await_resume();

protected:
    std::optional<std::int32_t> before_submit() override;
    void prepare(io_uring_sqe& sqe) noexcept override;  // fills in the SQE
    void more(const detail::answer& given) noexcept override;
    void source_has_data() noexcept override;
    const char* name() const noexcept override { return "wait"; }

private:
    [[nodiscard]] bool source_is_readable() const noexcept;
    [[nodiscard]] unsigned events_after(std::int32_t result) const noexcept;

    wait_type wanted_;
    unsigned events_ = 0;
    bool source_ready_ = false;
    bool is_multishot_ = false;  // because of an event that is present but not wanted
};

/// The request's `flags` field holds the wait_type.
using wait_description = description_of<wait, detail::descriptor_use>;

static_assert(sizeof(wait) <= 96 && sizeof(wait_description) <= 40);

}  // namespace coil::COIL_ABI::op
