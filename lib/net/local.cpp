// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/net/local.hpp>

#include <coil/loop/io_context.hpp>

#include "ring/kernel.hpp"

namespace coil::COIL_ABI::detail {

void open_pair(descriptor* one, descriptor* other, int type, unique_descriptor (&ends)[2]) {
    if (!one || !other)
        throw_failure(system_error_code(EBADF), "connect_pair: a socket without a context");
    int numbers[2];
    if (const int result = one->context().kernel().socketpair(AF_UNIX, type, 0, numbers); result < 0)
        throw_failure(system_error_code(-result), "connect_pair");
    ends[0].reset(numbers[0]);
    ends[1].reset(numbers[1]);
}

}  // namespace coil::COIL_ABI::detail
