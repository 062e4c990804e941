// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/diagnosis.hpp"

#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace coil::ring {
namespace {

// The end of /proc/self/status: with a seccomp filter, without one, in strict mode, on a kernel without
// seccomp, and for a process whose name looks like the field.
const std::string filtered =
    "Name:\tserver\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\nSpeculation_Store_Bypass:\tvulnerable\n";
const std::string unfiltered = "Name:\tserver\nNoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n";
const std::string strict = "Name:\tserver\nSeccomp:\t1\nSeccomp_filters:\t0\n";
const std::string without_seccomp = "Name:\tserver\nThreads:\t2\n";
const std::string named_after_the_field = "Name:\tSeccomp:\t2\nSeccomp:\t0\n";

struct row {
    int error;
    std::string release;
    std::string status;
    int disabled;
    std::string cause;
    std::string remedy;
};

const std::vector<row> table = {
    // The sysctl.
    {EPERM, "6.18.4", unfiltered, 2, "kernel.io_uring_disabled is 2", "sysctl -w kernel.io_uring_disabled=0"},
    {EPERM, "6.18.4", filtered, 2, "kernel.io_uring_disabled is 2", "sysctl -w kernel.io_uring_disabled=0"},
    {EPERM, "6.18.4", unfiltered, 1, "kernel.io_uring_disabled is 1", "join that group"},
    {EPERM, "6.18.4", without_seccomp, 1, "kernel.io_uring_disabled is 1", "join that group"},
    // The seccomp profile of a container.
    {EPERM, "6.18.4", filtered, 0, "a seccomp profile forbids it", "allow io_uring_setup, io_uring_enter"},
    {EPERM, "6.18.4", filtered, 1, "a seccomp profile forbids it", "in the container's profile"},
    {EPERM, "6.1.0-18-amd64", filtered, -1, "a seccomp profile forbids it", "in the container's profile"},
    {ENOSYS, "6.1.0-18-amd64", filtered, -1, "a seccomp profile makes it fail with ENOSYS",
     "in the container's profile"},
    // Neither the sysctl nor seccomp.
    {EPERM, "6.18.4", unfiltered, 0, "a security module", "look into its log"},
    {EPERM, "6.1.0-18-amd64", strict, -1, "a security module", "look into its log"},
    {EPERM, "6.1.0-18-amd64", named_after_the_field, -1, "a security module", "look into its log"},
    {EPERM, "", "", -1, "a security module", "look into its log"},
    // SELinux.
    {EACCES, "6.18.4", unfiltered, 0, "a security module", "look into its log"},
    {EACCES, "6.18.4", filtered, 0, "a seccomp profile forbids it", "in the container's profile"},
    // The version of the kernel.
    {ENOSYS, "4.19.0-26-amd64", unfiltered, -1, "kernel 4.19.0-26-amd64 is too old", "needs Linux 6.1"},
    {ENOSYS, "4.19.0", filtered, -1, "kernel 4.19.0 is too old", "needs Linux 6.1"},
    {EINVAL, "5.10.0-30-amd64", unfiltered, -1, "kernel 5.10.0-30-amd64 is too old", "needs Linux 6.1"},
    {EINVAL, "5.15.167.4-microsoft-standard-WSL2", unfiltered, -1, "is too old", "needs Linux 6.1"},
    {EINVAL, "6.0.9", unfiltered, -1, "kernel 6.0.9 is too old", "needs Linux 6.1"},
    {EINVAL, "6.1.0", unfiltered, -1, "refuses the set-up flags", "needs a kernel with all of io_uring"},
    {EINVAL, "6.10.0", unfiltered, 0, "refuses the set-up flags", "needs a kernel with all of io_uring"},
    {EINVAL, "10.0.0", unfiltered, 0, "refuses the set-up flags", "needs a kernel with all of io_uring"},
    {EINVAL, "", unfiltered, -1, "this kernel refuses", "needs a kernel with all of io_uring"},
    {EINVAL, "gibberish", unfiltered, -1, "kernel gibberish refuses", "needs a kernel"},
    {ENOSYS, "6.18.4", unfiltered, -1, "kernel 6.18.4 was built without it", "CONFIG_IO_URING"},
    // Limits.
    {ENOMEM, "6.18.4", unfiltered, 0, "locked memory is 64 KiB", "ulimit -l"},
    {EMFILE, "6.18.4", unfiltered, 0, "too many open files", "ulimit -n"},
    {ENFILE, "6.18.4", unfiltered, 0, "too many open files", "ulimit -n"},
    // An unexpected errno.
    {EIO, "6.18.4", filtered, 2, "io_uring_setup failed", ""},
};

TEST(Diagnosis, NamesCauseAndRemedy) {
    for (const row& each: table) {
        circumstances around;
        around.release = each.release;
        around.status = each.status;
        around.disabled = each.disabled;
        around.memlock = 64 * 1024;
        const std::string text = diagnose(each.error, around);
        const std::string where = "errno " + std::to_string(each.error) + ", release " + each.release +
                                  ", sysctl " + std::to_string(each.disabled) + ": " + text;
        EXPECT_EQ(text.find("io_uring is not available: "), 0u) << where;
        EXPECT_NE(text.find(each.cause), std::string::npos) << where;
        EXPECT_NE(text.find(each.remedy), std::string::npos) << where;
        EXPECT_EQ(text.find('\n'), std::string::npos) << where;
    }
}

// A refused eventfd2 was blamed on io_uring.
TEST(Diagnosis, NamesRefusedCall) {
    circumstances around;
    around.release = "6.18.4";
    for (const char* call: {"eventfd2", "pipe2", "mmap"}) {
        for (const auto& status: {filtered, unfiltered}) {
            around.status = status;
            for (const int error: {EPERM, EACCES, ENOSYS, ENOMEM, EIO}) {
                const std::string text = diagnose(error, around, call);
                EXPECT_EQ(text.find("cannot create an io_context: "), 0u) << text;
                EXPECT_EQ(text.find("io_uring"), std::string::npos) << text;
                EXPECT_NE(text.find(call), std::string::npos) << text;
            }
            EXPECT_NE(diagnose(EMFILE, around, call).find("ulimit -n"), std::string::npos);
        }
    }
    around.status = filtered;
    EXPECT_NE(diagnose(EPERM, around, "eventfd2").find("seccomp profile forbids eventfd2"),
              std::string::npos);
    const std::string registered = diagnose(EPERM, around, "io_uring_register");
    EXPECT_EQ(registered.find("io_uring is not available: a seccomp profile forbids it"), 0u) << registered;
    EXPECT_NE(diagnose(EINVAL, around, "io_uring_register").find("io_uring_register failed"),
              std::string::npos);
}

TEST(Diagnosis, DoesNotBlameUnlimitedMemlock) {
    circumstances around;
    around.release = "6.18.4";
    around.memlock = unlimited;
    const std::string text = diagnose(ENOMEM, around);
    EXPECT_NE(text.find("out of memory"), std::string::npos) << text;
    EXPECT_EQ(text.find("ulimit"), std::string::npos) << text;
    EXPECT_EQ(unlimited, RLIM_INFINITY);
}

TEST(Diagnosis, ReadsThisProcess) {
    const circumstances around = circumstances_of_this_process();
    EXPECT_NE(around.release, "");
    EXPECT_NE(around.status.find("\nPid:"), std::string::npos);
    EXPECT_GE(around.disabled, -1);
    EXPECT_LE(around.disabled, 2);
}

}  // namespace
}  // namespace coil::ring
