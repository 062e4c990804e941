// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/net/local.hpp>

#include <coil/loop/io_context.hpp>

#include "ring/kernel.hpp"

namespace coil::COIL_ABI::local::detail {

void open_pair(io_context& context, int type, int (&numbers)[2]) {
    if (const int result = context.kernel().socketpair(AF_UNIX, type, 0, numbers); result < 0)
        throw_failure(system_error_code(-result), "connect_pair");
}

}  // namespace coil::COIL_ABI::local::detail
