// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/semaphore.hpp>

namespace coil::COIL_ABI {

semaphore::~semaphore() {
    if (!is_in_use())
        return;
    affinity_.require_thread("semaphore: destroyed");
    detail::queued_operation::abandon_all(
        waiting_, "semaphore: destroyed while tasks wait for it; declare it before the io_context");
}

bool semaphore::try_acquire() noexcept {
    affinity_.require_thread("semaphore: try_acquire()");
    return take();
}

void semaphore::release(std::size_t count) noexcept {
    affinity_.require_thread("semaphore: release()");
    detail::queued_operation::drop_orphans(waiting_, affinity_);
    for (; count > 0 && !waiting_.empty(); --count)
        waiting_.pop_front().grant();
    available_ += count;
}

}  // namespace coil::COIL_ABI
