// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

namespace coil::COIL_ABI {

/// An address that no other running thread has.
inline const void* this_thread() noexcept {
    static thread_local char address;
    return &address;
}

}  // namespace coil::COIL_ABI
