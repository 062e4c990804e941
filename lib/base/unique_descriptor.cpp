// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/unique_descriptor.hpp>

#include <unistd.h>

namespace coil::COIL_ABI {

void unique_descriptor::reset(int number) noexcept {
    const int old = std::exchange(number_, number);
    if (old >= 0 && old != number)
        ::close(old);
}

}  // namespace coil::COIL_ABI
