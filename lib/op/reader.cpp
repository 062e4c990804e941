// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/reader.hpp>

#include <cerrno>

namespace coil::COIL_ABI::op {

// Refuses MSG_PEEK together with MSG_WAITALL on a stream. A reader with both flags would have to leave the
// bytes in the socket while it waits for more bytes, and only the kernel knows when more bytes have arrived.
// In a FIFO lane, a non-blocking reader fails with EAGAIN instead of queueing behind another reader.
std::optional<std::int32_t> buffer_reader::before_submit() {
    if (flags_ == 0) [[likely]]
        return std::nullopt;
    const bool peeks_at_all = (flags_ & MSG_PEEK) && (flags_ & MSG_WAITALL) && may_wait();
    if (peeks_at_all && lane() == detail::lane::read)
        return refused_flags;
    if (!may_wait() && lane() == detail::lane::queue && target().has_reader())
        return -EAGAIN;
    return std::nullopt;
}

bool reader::serve_inline() noexcept {
    if (lane() == detail::lane::any)
        return false;
    detail::descriptor_source* ahead = source();
    if (!ahead || !ahead->has_data() || !begin_inline())
        return false;
    finish_inline(ahead->give(*this));
    return true;
}

void reader::prepare(io_uring_sqe&) noexcept {
    COIL_CHECK(false);  // a source must not refuse to serve a reader of pool buffers
}

}  // namespace coil::COIL_ABI::op
