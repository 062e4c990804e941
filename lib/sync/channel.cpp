// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/channel.hpp>

#include <coil/base/assert.hpp>

namespace coil::COIL_ABI {

channel_base::~channel_base() {
    if (!is_in_use() && handed_over_ == 0)  // without orphans, and what was handed over to them
        return;
    affinity_.require_thread("channel: destroyed");
    constexpr auto mistake = "channel: destroyed while tasks wait for it; declare it before the io_context";
    queued_operation::abandon_all(senders_, mistake);
    queued_operation::abandon_all(receivers_, mistake);
    COIL_PRECONDITION(
        handed_over_ == 0,
        "channel: destroyed before a task has resumed that receives a message; declare the channel "
        "before the io_context");
}

void channel_base::forget_orphans() noexcept {
    if (!affinity_.has_ended()) [[likely]]
        return;
    queued_operation::forget_orphans(senders_, affinity_);
    queued_operation::forget_orphans(receivers_, affinity_);
    handed_over_ = 0;
}

void channel_base::close() noexcept {
    affinity_.require_thread("channel: close()");
    forget_orphans();
    closed_ = true;
    while (!senders_.empty())
        senders_.pop_front().fail(error::channel_closed);
    while (!receivers_.empty())
        receivers_.pop_front().grant();
}

}  // namespace coil::COIL_ABI
