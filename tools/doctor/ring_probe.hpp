// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include "ring/uring_kernel.hpp"

namespace doctor {

/// The results of probing a ring with an io_context's options, and the features that an io_context uses. Each
/// result is 0 if the kernel supports the feature, the errno of a refusal, or `not_asked` if a precondition
/// was refused.
struct ring_answers {
    static constexpr int not_asked = -1;

    int set_up = not_asked;  // io_uring_setup(2)
    int enable = not_asked;  // io_uring_register(2)
    int no_index_array = not_asked;
    int no_iowait = not_asked;
    int registered_ring = not_asked;
    int buffers = not_asked;
    int incremental_buffers = not_asked;
    int multishot_poll = not_asked;
    int multishot_recv = not_asked;
    int multishot_recvmsg = not_asked;
    int without_memlock = not_asked;  // set-up of another ring with RLIMIT_MEMLOCK 0

    int epoll = not_asked;        // what the epoll engine needs
    const char* epoll_call = "";  // the call that failed
    int epoll_pwait2 = not_asked;

    int killed = 0;  // the signal that ended the probe

    coil::ring::refusal refusal{};  // the result by which coil chooses its engine
};

/// Probes the kernel in a child process, because a seccomp profile may kill the process that probes. Throws
/// std::system_error if no child process can be started.
[[nodiscard]] ring_answers probe_ring();

}  // namespace doctor
