// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/reader.hpp>

#include <cerrno>

namespace coil::COIL_ABI::op {

// A reader that peeks at a full buffer would have to wait while the bytes stay in the socket, and only the kernel
// could say when more have arrived. A reader of a FIFO that must not wait does not queue either.
std::optional<std::int32_t> buffer_reader::before_submit() {
    if (flags_ == 0) [[likely]]
        return std::nullopt;
    const bool peeks_at_all = (flags_ & MSG_PEEK) && (flags_ & MSG_WAITALL) && may_wait();
    if (peeks_at_all && lane() == lane::read)
        return refused_flags;
    if (!may_wait() && lane() == lane::queue && target().has_reader())
        return -EAGAIN;
    return std::nullopt;
}

bool reader::serve_inline() noexcept {
    if (lane() == lane::any)
        return false;
    descriptor_source* ahead = source();
    if (!ahead || !ahead->has_data() || !begin_inline())
        return false;
    finish_inline(ahead->give(*this));
    return true;
}

void reader::prepare(io_uring_sqe&) noexcept {
    COIL_CHECK(false);  // the source has refused to serve a reader of pool buffers
}

}  // namespace coil::COIL_ABI::op
