// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// usage: restrict docker|linux_4_18 PROGRAM [ARGUMENT]...
//
// Runs a program under a seccomp filter, so that tests can run as in a container or on an older kernel.
//
//     docker      io_uring and epoll_pwait2(2) fail with EPERM, as under an older default profile of Docker
//     linux_4_18  every system call that is newer than Linux 4.18 fails with ENOSYS; new flags still work
//
// Exit status: 77 if no filter can be installed, 1 if the filter has no effect, otherwise the status of the
// program.

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string_view>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr unsigned fails_with(int error) { return SECCOMP_RET_ERRNO | static_cast<unsigned>(error); }

// Since Linux 5.1, a new system call has the same number on all architectures. The first one is 424.
constexpr unsigned first_after_4_18 = 424;

static_assert(SYS_io_uring_setup == 425 && SYS_io_uring_enter == 426 && SYS_io_uring_register == 427);

// System calls with a number from `first` to `last` fail with `error`.
bool refuse(unsigned first, unsigned last, int error) {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, fails_with(error)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{sizeof program / sizeof *program, program};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

bool restrict_as(std::string_view how) {
    if (how == "docker")
        return refuse(SYS_epoll_pwait2, SYS_epoll_pwait2, EPERM) &&
               refuse(SYS_io_uring_setup, SYS_io_uring_register, EPERM);
    return refuse(first_after_4_18, 0x3fffffff, ENOSYS);
}

bool is_restricted(std::string_view how) {
    return ::syscall(SYS_io_uring_setup, 1, nullptr) < 0 && errno == (how == "docker" ? EPERM : ENOSYS);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view how = argc > 1 ? argv[1] : "";
    if (argc < 3 || (how != "docker" && how != "linux_4_18")) {
        std::fprintf(stderr, "usage: restrict docker|linux_4_18 PROGRAM [ARGUMENT]...\n");
        return 2;
    }
    if (!restrict_as(how)) {
        std::fprintf(stderr, "skipped: no seccomp filter can be installed here\n");
        return 77;
    }
    if (!is_restricted(how)) {
        std::fprintf(stderr, "the seccomp filter has no effect\n");
        return 1;
    }
    ::execvp(argv[2], argv + 2);
    std::perror(argv[2]);
    return 127;
}
