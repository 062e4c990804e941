// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// When this library is preloaded into a server, it hides the io_uring features that are newer than Linux 6.1,
// such as incremental buffers, rings without an SQ array, and later feature bits. It interposes liburing
// functions, so it works for coil and for coil's rivals.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr unsigned no_sqarray = 1u << 16;           // IORING_SETUP_NO_SQARRAY, since 6.6
constexpr unsigned features = (1u << 13) - 1;       // all features up to IORING_FEAT_LINKED_FILE
constexpr std::uint16_t incremental_or_mapped = 3;  // IOU_PBUF_RING_MMAP (since 6.4) and _INC (since 6.12)

int result_of(long returned) { return returned < 0 ? -errno : static_cast<int>(returned); }

int call_register(unsigned descriptor, unsigned opcode, const void* what, unsigned count) {
    // Refuses IORING_REGISTER_USE_REGISTERED_RING, which has existed only since 6.3.
    if (opcode & (1u << 31))
        return -EINVAL;
    if (opcode == IORING_REGISTER_PBUF_RING) {
        // Reads the field after bgid, which is called `pad` in liburing 2.3 and `flags` since 2.4.
        std::uint16_t flags = 0;
        std::memcpy(&flags,
                    static_cast<const char*>(what) + offsetof(io_uring_buf_reg, bgid) + sizeof(std::uint16_t),
                    sizeof flags);
        if (flags & incremental_or_mapped)
            return -EINVAL;
    }
    return result_of(::syscall(__NR_io_uring_register, descriptor, opcode, what, count));
}

}  // namespace

extern "C" {

int io_uring_setup(unsigned entries, io_uring_params* parameters) {
    if (parameters->flags & no_sqarray)
        return -EINVAL;
    const int descriptor = result_of(::syscall(__NR_io_uring_setup, entries, parameters));
    parameters->features &= features;
    return descriptor;
}

int io_uring_register(unsigned descriptor, unsigned opcode, const void* what, unsigned count) {
    return call_register(descriptor, opcode, what, count);
}

int io_uring_register_buf_ring(io_uring* ring, io_uring_buf_reg* buffers, unsigned) {
    return call_register(static_cast<unsigned>(ring->ring_fd), IORING_REGISTER_PBUF_RING, buffers, 1);
}
}
