// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/buffer_ring.hpp"

#include <sys/mman.h>

namespace coil::COIL_ABI::ring {

buffer_ring::buffer_ring(unsigned entries) noexcept : mask_(entries - 1) {
    void* memory = ::mmap(nullptr, entries * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    buffers_ = memory == MAP_FAILED ? nullptr : static_cast<io_uring_buf*>(memory);
}

buffer_ring::~buffer_ring() {
    if (buffers_)
        ::munmap(buffers_, entries() * sizeof(io_uring_buf));
}

}  // namespace coil::COIL_ABI::ring
