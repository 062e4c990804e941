// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/semaphore.hpp>

#include <coil/base/assert.hpp>

namespace coil::COIL_ABI {

semaphore::~semaphore() {
    COIL_ASSERT(waiting_.empty());  // a semaphore outlives its waiters
}

void semaphore::release(std::size_t count) noexcept {
    for (; count > 0 && !waiting_.empty(); --count)
        waiting_.pop_front().grant();
    available_ += count;
}

}  // namespace coil::COIL_ABI
