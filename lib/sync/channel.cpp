// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/channel.hpp>

#include <coil/base/assert.hpp>

namespace coil::COIL_ABI {

channel_base::~channel_base() {
    COIL_ASSERT(senders_.empty());  // a channel outlives its waiters
    COIL_ASSERT(receivers_.empty());
    COIL_ASSERT(handed_over_ == 0);
}

void channel_base::close() noexcept {
    closed_ = true;
    while (!senders_.empty())
        senders_.pop_front().fail(error::channel_closed);
    while (!receivers_.empty())
        receivers_.pop_front().grant();
}

}  // namespace coil::COIL_ABI
