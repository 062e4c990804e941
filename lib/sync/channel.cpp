// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/channel.hpp>

#include <coil/base/assert.hpp>

namespace coil::COIL_ABI::detail {

channel_base::~channel_base() {
    if (!is_in_use() && handed_over_ == 0)  // orphans and their messages do not count
        return;
    affinity_.require_thread("channel: destroyed");
    constexpr auto mistake = "channel: destroyed while tasks wait for it; declare it before the io_context";
    queued_operation::abandon_all(senders_, mistake);
    queued_operation::abandon_all(receivers_, mistake);
    COIL_PRECONDITION(
        handed_over_ == 0,
        "channel: destroyed while a task that has a message has not resumed; declare the channel "
        "before the io_context");
}

void channel_base::drop_orphans() noexcept {
    if (!affinity_.has_ended()) [[likely]]
        return;
    queued_operation::drop_orphans(senders_, affinity_);
    queued_operation::drop_orphans(receivers_, affinity_);
    handed_over_ = 0;
}

void channel_base::close() noexcept {
    affinity_.require_thread("channel: close()");
    drop_orphans();
    closed_ = true;
    while (!senders_.empty())
        senders_.pop_front().fail(error::channel_closed);
    while (!receivers_.empty())
        receivers_.pop_front().grant();
}

}  // namespace coil::COIL_ABI::detail
