// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include "ring/linux_kernel.hpp"

namespace coil::COIL_ABI::ring {

/// Why io_uring cannot be used: an errno and the system call or opcode that failed with it. `error` is 0 if
/// io_uring can be used.
struct refusal {
    int error = 0;
    const char* call = "";
};

/// The engine that uses io_uring. It needs Linux 6.1.
class uring_kernel final : public linux_kernel {
public:
    ~uring_kernel() override;

    int set_up(io_uring& memory, const parameters& wanted) override;
    int enable(io_uring& memory) override;
    void set_in_run(io_uring& memory, bool in_run) override;
    int enter(io_uring& memory, unsigned to_submit, unsigned wait, time_point deadline) override;
    int register_buffers(io_uring& memory, const buffer_ring& buffers, std::uint16_t group,
                         bool incremental) override;
    bool tear_down(io_uring& memory, bool operations, time_point deadline) override;
    void forget() noexcept override;

    /// Checks whether this process may use io_uring: sets up a small ring and submits one SQE of each opcode
    /// that coil uses. A filter can deny single opcodes; such an SQE then completes with -EACCES.
    static refusal probe();

    /// If `pretend` is true, rings that this process sets up from now on refuse every feature that is newer
    /// than Linux 6.1. Tests can then run as if on the oldest supported kernel.
    static void pretend_6_1(bool pretend) noexcept;

private:
    int hold_pipe(const io_uring& memory) noexcept;
    int enter_now(unsigned to_submit, unsigned wait, time_point deadline);
    void register_descriptor(const io_uring& memory) noexcept;
    void unregister_descriptor(const io_uring& memory) noexcept;

    unsigned enter_flags_ = 0;
    int enter_descriptor_ = -1;   // the ring's descriptor, or its index in the thread's table of rings
    unsigned enters_in_run_ = 0;  // number of enters since set_in_run(true)
    bool in_run_ = false;
    bool registered_ = false;
    int ring_ = -1;     // the ring's descriptor; a child of fork(2) closes it
    int hang_up_ = -1;  // the read end of a pipe; only the ring holds the write end
};

}  // namespace coil::COIL_ABI::ring
