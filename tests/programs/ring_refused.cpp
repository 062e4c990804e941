// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Checks what programs do if a seccomp filter makes io_uring_setup(2) fail, as a container engine's filter
// does. The example programs must run on epoll. If COIL_ENGINE is io_uring, they must print one line that
// names seccomp and exit with status 6. coil_doctor must report the engine and the refusal in its table, even
// if the filter kills the calling process.

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int skipped = 77;
constexpr int no_filter = 100;
constexpr int no_program = 101;

constexpr unsigned fails_with(int error) { return SECCOMP_RET_ERRNO | static_cast<unsigned>(error); }

// From now on, applies `action` to each io_uring_setup call made by this process, even after exec.
bool refuse_io_uring(unsigned action) {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{sizeof program / sizeof *program, program};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

struct ending {
    int status = -1;     // the exit status, or -1 if the program was killed
    std::string output;  // stdout and stderr together
};

// Runs a program under the filter of refuse_io_uring(). Kills the program if it prints nothing for ten
// seconds.
ending run_refused(const std::string& path, const char* argument, const char* engine, unsigned action) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0)
        return {};
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], STDOUT_FILENO);
        ::dup2(ends[1], STDERR_FILENO);
        if (!refuse_io_uring(action))
            ::_exit(no_filter);
        ::setenv("COIL_ENGINE", engine, 1);
        ::execl(path.c_str(), path.c_str(), argument, nullptr);
        ::_exit(no_program);
    }
    ::close(ends[1]);
    ending how;
    pollfd readable{ends[0], POLLIN, 0};
    char bytes[512];
    ssize_t n = -1;
    while (::poll(&readable, 1, 10'000) > 0 && (n = ::read(ends[0], bytes, sizeof bytes)) > 0)
        how.output.append(bytes, static_cast<std::size_t>(n));
    ::close(ends[0]);
    if (n != 0)
        ::kill(child, SIGKILL);
    int status = 0;
    if (::waitpid(child, &status, 0) == child && WIFEXITED(status))
        how.status = WEXITSTATUS(status);
    return how;
}

// Returns the build folder. The path of this program is BUILD/tests/programs/ring_refused.
std::filesystem::path build_folder() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../..";
}

struct refusal {
    const char* program;   // path in the build folder
    const char* argument;  // may be null
    const char* engine;    // COIL_ENGINE
    unsigned action;
    int status;
    const char* output;
    bool in_one_line;
};

constexpr refusal refusals[] = {
    {"examples/tcp_echo_server", nullptr, "io_uring", fails_with(EPERM), 6, "seccomp", true},
    {"examples/tcp_echo_server", nullptr, "io_uring", fails_with(ENOSYS), 6, "seccomp", true},
    {"examples/udp_echo_server", nullptr, "io_uring", fails_with(EPERM), 6, "seccomp", true},
    {"examples/udp_echo_server", nullptr, "io_uring", fails_with(ENOSYS), 6, "seccomp", true},
    {"examples/tcp_echo_client", nullptr, "io_uring", fails_with(EPERM), 6, "seccomp", true},
    {"examples/udp_echo_client", nullptr, "io_uring", fails_with(ENOSYS), 6, "seccomp", true},
    {"examples/coil_demo", nullptr, "io_uring", fails_with(EPERM), 6, "seccomp", true},
    {"examples/coil_demo", nullptr, "kqueue", fails_with(EPERM), 1, "COIL_ENGINE is 'kqueue'", true},
    {"examples/coil_demo", "--duration=20", "auto", fails_with(EPERM), 0, "engine: epoll (io_uring is",
     false},
    {"examples/coil_demo", "--duration=20", "auto", fails_with(ENOSYS), 0, "engine: epoll (io_uring is",
     false},
    {"tools/coil_doctor", nullptr, "auto", fails_with(EPERM), 1, "a seccomp profile forbids it", false},
    {"tools/coil_doctor", nullptr, "auto", fails_with(ENOSYS), 1, "a seccomp profile makes it fail", false},
    {"tools/coil_doctor", nullptr, "auto", SECCOMP_RET_KILL_PROCESS, 2, "a seccomp profile kills", false},
};

}  // namespace

int main() {
    int failures = 0;
    for (const refusal& each: refusals) {
        const ending how =
            run_refused(build_folder() / each.program, each.argument, each.engine, each.action);
        if (how.status == no_program) {
            std::printf("skipped: %s is not built\n", each.program);
            return skipped;
        }
        if (how.status == no_filter) {
            std::printf("skipped: no seccomp filter can be installed here\n");
            return skipped;
        }
        const bool in_one_line = std::count(how.output.begin(), how.output.end(), '\n') == 1;
        if (how.status == each.status && in_one_line == each.in_one_line &&
            how.output.find(each.output) != std::string::npos)
            continue;
        std::printf("%s with COIL_ENGINE=%s, refused by %#x: status %d, output:\n%s\n", each.program,
                    each.engine, each.action, how.status, how.output.c_str());
        ++failures;
    }
    return failures == 0 ? 0 : 1;
}
