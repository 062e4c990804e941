// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

namespace doctor {

/// What the kernel answered when it was asked for a ring as an io_context asks for it, and for what that does with it.
/// Each is 0 for yes, an errno for a refusal, or `not_asked`, since something before it was refused.
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
    int without_memlock = not_asked;  // a further ring, with RLIMIT_MEMLOCK 0

    int killed = 0;  // the signal that ended the asking
};

/// Asks. In a child process: a seccomp profile may kill whoever does. Throws a std::system_error where there can't be one.
[[nodiscard]] ring_answers probe_ring();

}  // namespace doctor
