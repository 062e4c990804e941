// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "base/report.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <functional>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/child.hpp"

// A line that the library wrote to stderr killed a server by SIGPIPE when the pipe had no reader, and blocked
// its loop when the pipe was full. Each test runs in a child process with its own stderr.

namespace coil::test {
namespace {

/// Runs `action` in a child whose stderr is `descriptor`, or closed if `descriptor` is -1.
int with_stderr(int descriptor, const std::function<int()>& action) {
    return status_of_child([&] {
        if (descriptor < 0)
            ::close(STDERR_FILENO);
        else
            ::dup2(descriptor, STDERR_FILENO);
        return action();
    });
}

struct two_ends {
    int read = -1;
    int write = -1;

    static two_ends of_pipe() {
        std::array<int, 2> made{};
        EXPECT_EQ(::pipe2(made.data(), O_CLOEXEC), 0);
        return {made[0], made[1]};
    }
    static two_ends of_sockets() {
        std::array<int, 2> made{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, made.data()), 0);
        return {made[0], made[1]};
    }
    void close() {
        ::close(read);
        ::close(write);
    }
    void fill() const {
        const std::string much(1 << 20, 'x');
        ::fcntl(write, F_SETFL, O_NONBLOCK);
        while (::write(write, much.data(), much.size()) > 0 || ::write(write, "x", 1) > 0) {}
        ::fcntl(write, F_SETFL, 0);
    }
    [[nodiscard]] std::string read_all() const {
        std::string all;
        for (int left = 0; ::ioctl(read, FIONREAD, &left) == 0 && left > 0;)
            all += read_some();
        return all;
    }
    [[nodiscard]] std::string read_some() const {
        std::string text(1 << 20, '\0');
        const ssize_t n = ::read(read, text.data(), text.size());
        text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        return text;
    }
};

int say_hello() {
    report({"hello", " ", "world"});
    return ends_well;
}

TEST(Report, WritesOneLine) {
    for (two_ends each: {two_ends::of_pipe(), two_ends::of_sockets()}) {
        EXPECT_EQ(with_stderr(each.write, say_hello), ends_well);
        EXPECT_EQ(each.read_some(), "coil: hello world\n");
        EXPECT_EQ(with_stderr(each.write,
                              [] {
                                  report_format("%d of %s", 3, "them");
                                  return ends_well;
                              }),
                  ends_well);
        EXPECT_EQ(each.read_some(), "coil: 3 of them\n");
        each.close();
    }
}

TEST(Report, TruncatesLongLine) {
    two_ends pipe = two_ends::of_pipe();
    const auto say_much = [] {
        report({std::string(5000, 'x')});
        report_format("%s", std::string(5000, 'y').c_str());
        return ends_well;
    };
    EXPECT_EQ(with_stderr(pipe.write, say_much), ends_well);
    EXPECT_EQ(pipe.read_some(),
              "coil: " + std::string(4089, 'x') + "\ncoil: " + std::string(4089, 'y') + "\n");
    pipe.close();
}

TEST(Report, RaisesNoSignalWithoutReader) {
    for (two_ends each: {two_ends::of_pipe(), two_ends::of_sockets()}) {
        ::close(each.read);
        EXPECT_EQ(with_stderr(each.write,
                              [] {
                                  errno = 1234;
                                  say_hello();
                                  sigset_t pending, blocked;
                                  ::sigpending(&pending);
                                  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
                                  const bool untouched = sigismember(&pending, SIGPIPE) == 0 &&
                                                         sigismember(&blocked, SIGPIPE) == 0 && errno == 1234;
                                  return untouched ? ends_well : 1;
                              }),
                  ends_well);
        ::close(each.write);
    }
}

TEST(Report, KeepsPendingSignal) {
    two_ends pipe = two_ends::of_pipe();
    ::close(pipe.read);
    EXPECT_EQ(with_stderr(pipe.write,
                          [] {
                              sigset_t blocked;
                              sigemptyset(&blocked);
                              sigaddset(&blocked, SIGPIPE);
                              ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
                              ::raise(SIGPIPE);
                              say_hello();
                              ::sigpending(&blocked);
                              return sigismember(&blocked, SIGPIPE) == 1 ? ends_well : 1;
                          }),
              ends_well);
    ::close(pipe.write);
}

TEST(Report, DropsLinesWhileStderrIsFull) {
    for (two_ends each: {two_ends::of_pipe(), two_ends::of_sockets()}) {
        each.fill();
        EXPECT_EQ(with_stderr(
                      each.write,
                      [&each] {
                          say_hello();
                          say_hello();
                          static_cast<void>(each.read_all());
                          say_hello();
                          const std::string text = each.read_all();
                          return text == "coil: 2 lines were dropped: stderr had no room\ncoil: hello world\n"
                                     ? ends_well
                                     : 1;
                      }),
                  ends_well);
        each.close();
    }
}

TEST(Report, IgnoresUnwritableStderr) {
    const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(with_stderr(full, say_hello), ends_well);
    ::close(full);
    EXPECT_EQ(with_stderr(-1, say_hello), ends_well);
    const int read_only = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(with_stderr(read_only, say_hello), ends_well);
    ::close(read_only);
}

/// An unlinked file in /tmp.
int make_log_file() {
    char name[] = "/tmp/coil-report-XXXXXX";
    const int file = ::mkostemp(name, O_CLOEXEC | O_APPEND);
    ::unlink(name);
    return file;
}

/// Makes pwritev2(2) fail with EAGAIN in this process.
bool refuse_pwritev2() {
    sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_pwritev2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{sizeof steps / sizeof steps[0], steps};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// XFS fails an append with RWF_NOWAIT with EAGAIN if it changes the time stamps: every line of the library
// was dropped, even the reason of an abort.
TEST(Report, DropsNoLineInFile) {
    const int file = make_log_file();
    EXPECT_EQ(with_stderr(file,
                          [] {
                              if (!refuse_pwritev2())
                                  return 1;
                              say_hello();
                              return say_hello();
                          }),
              ends_well);
    std::array<char, 100> text;
    const ssize_t n = ::pread(file, text.data(), text.size(), 0);
    EXPECT_EQ(std::string(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0),
              "coil: hello world\ncoil: hello world\n");
    ::close(file);
}

// A write beyond the file size limit raises SIGXFSZ.
TEST(Report, RaisesNoSignalAtFileSizeLimit) {
    const int file = make_log_file();
    EXPECT_EQ(with_stderr(file,
                          [] {
                              const rlimit none{0, 0};
                              ::setrlimit(RLIMIT_FSIZE, &none);
                              return say_hello();
                          }),
              ends_well);
    ::close(file);
}

}  // namespace
}  // namespace coil::test
