// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

namespace coil::COIL_ABI {

/// Returns an address that identifies the calling thread among all running threads.
inline const void* this_thread() noexcept {
    static thread_local char address;
    return &address;
}

}  // namespace coil::COIL_ABI
