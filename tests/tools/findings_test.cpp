// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "doctor/findings.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace doctor {
namespace {

const std::string filtered = "Name:\tserver\nSeccomp:\t2\nSeccomp_filters:\t1\n";
const std::string unfiltered = "Name:\tserver\nSeccomp:\t0\nSeccomp_filters:\t0\n";

// A recent kernel with all features, on a machine with default settings.
facts healthy() {
    facts here;
    here.process = {"6.18.4", unfiltered, 0, 8 << 20};
    here.ring = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    here.io_uring_group = -1;
    here.descriptors = 1024;
    here.descriptors_hard = 524'288;
    here.somaxconn = 4096;
    here.syn_backlog = 128;
    here.syn_cookies = 1;
    here.receive_buffer_max = 212'992;
    here.send_buffer_max = 212'992;
    here.first_port = 32'768;
    here.last_port = 60'999;
    return here;
}

// The set-up of a ring fails.
ring_answers refused_with(int error) {
    ring_answers answers;
    answers.set_up = error;
    answers.refusal = {error, "io_uring_setup"};
    return answers;
}

finding finding_of(const facts& here, const std::string& what) {
    const auto findings = examine(here);
    const auto at = std::find_if(findings.begin(), findings.end(),
                                 [&](const finding& each) { return each.what == what; });
    EXPECT_NE(at, findings.end()) << what << " is not reported";
    return at == findings.end() ? finding{"", what, "", "", weight::well} : *at;
}

bool is_reported(const facts& here, const std::string& what) {
    const auto findings = examine(here);
    return std::any_of(findings.begin(), findings.end(),
                       [&](const finding& each) { return each.what == what; });
}

weight heaviest(const facts& here) { return heaviest_of(examine(here)); }

void expect(const finding& each, weight how, const std::string& found, const std::string& meaning) {
    EXPECT_EQ(each.how, how) << each.what;
    EXPECT_EQ(each.found, found) << each.what;
    EXPECT_NE(each.meaning.find(meaning), std::string::npos) << each.what << ": " << each.meaning;
}

TEST(DoctorFindings, DefaultMachineIsWell) {
    for (const finding& each: examine(healthy()))
        EXPECT_EQ(each.how, weight::well) << each.what;
    EXPECT_EQ(heaviest(healthy()), weight::well);
}

TEST(DoctorFindings, EachHasGroupAndOneLine) {
    facts bad = healthy();
    bad.ring.set_up = EPERM;
    bad.descriptors = 64;
    for (const facts& here: {healthy(), bad})
        for (const finding& each: examine(here)) {
            EXPECT_STRNE(each.group, "") << each.what;
            EXPECT_FALSE(each.what.empty() || each.found.empty() || each.meaning.empty()) << each.what;
            EXPECT_EQ((each.what + each.found + each.meaning).find('\n'), std::string::npos) << each.what;
        }
}

// ---- kernel -----------------------------------------------------------------------------------------------

TEST(DoctorFindings, ExplainsRefusal) {
    facts here = healthy();
    here.ring = refused_with(EPERM);
    here.process.disabled = 2;
    expect(finding_of(here, "io_uring"), weight::warns, "refused", "kernel.io_uring_disabled is 2");
    EXPECT_FALSE(is_reported(here, "multishot recv"));

    here.process = {"6.1.0-18-amd64", filtered, -1, 0};
    expect(finding_of(here, "io_uring"), weight::warns, "refused", "a seccomp profile forbids it");
    here.ring = refused_with(ENOSYS);
    expect(finding_of(here, "io_uring"), weight::warns, "refused",
           "a seccomp profile makes it fail with ENOSYS");
    EXPECT_EQ(heaviest(here), weight::warns);
    here.ring = refused_with(EMFILE);
    expect(finding_of(here, "io_uring"), weight::fatal, "refused", "ulimit -n");
    EXPECT_EQ(heaviest(here), weight::fatal);
}

TEST(DoctorFindings, NamesTheEngineAndTheReason) {
    facts here = healthy();
    expect(finding_of(here, "engine"), weight::well, "io_uring", "this system allows io_uring");
    here.engine_variable = "epoll";
    expect(finding_of(here, "engine"), weight::well, "epoll", "COIL_ENGINE");
    here.engine_variable = "kqueue";
    expect(finding_of(here, "engine"), weight::fatal, "none", "COIL_ENGINE is 'kqueue'; it can be auto");

    here.engine_variable = "auto";
    here.process.status = filtered;
    here.ring = refused_with(EPERM);
    expect(finding_of(here, "engine"), weight::well, "epoll", "io_uring is refused");
    here.engine_variable = "io_uring";
    expect(finding_of(here, "engine"), weight::fatal, "io_uring", "does not work");

    here.engine_variable.clear();
    here.ring = refused_with(ENOMEM);
    expect(finding_of(here, "engine"), weight::fatal, "none", "see below");
    here.ring.killed = SIGSYS;
    expect(finding_of(here, "engine"), weight::fatal, "none", "set COIL_ENGINE=epoll");
}

TEST(DoctorFindings, RefusedOperationLeavesEpoll) {
    facts here = healthy();
    here.ring.refusal = {EACCES, "IORING_OP_ACCEPT"};
    expect(finding_of(here, "engine"), weight::well, "epoll", "io_uring is refused");
    expect(finding_of(here, "io_uring"), weight::warns, "refused", "denies IORING_OP_ACCEPT");
    EXPECT_EQ(heaviest(here), weight::warns);
}

TEST(DoctorFindings, NeedsEpollIfCoilRunsOnIt) {
    facts here = healthy();
    EXPECT_FALSE(is_reported(here, "epoll_pwait2"));
    here.process.status = filtered;
    here.ring.epoll = 0;
    expect(finding_of(here, "epoll"), weight::well, "yes", "would run on it");
    here.ring.epoll = EPERM;
    here.ring.epoll_call = "epoll_create1";
    expect(finding_of(here, "epoll"), weight::well, "refused", "forbids epoll_create1");

    here.engine_variable = "epoll";
    expect(finding_of(here, "epoll"), weight::fatal, "refused", "forbids epoll_create1");
    here.ring.epoll = 0;
    here.ring.epoll_pwait2 = 0;
    expect(finding_of(here, "epoll"), weight::well, "yes", "coil runs on it");
    expect(finding_of(here, "epoll_pwait2"), weight::well, "yes", "exact");
    here.ring.epoll_pwait2 = ENOSYS;
    expect(finding_of(here, "epoll_pwait2"), weight::well, "no", "rounded up to a millisecond");
}

TEST(DoctorFindings, RingThatCannotBeEnabledLeavesEpoll) {
    facts here = healthy();
    here.process.status = filtered;
    here.ring = {};
    here.ring.set_up = here.ring.no_index_array = 0;
    here.ring.enable = EPERM;
    here.ring.refusal = {EPERM, "io_uring_register"};
    expect(finding_of(here, "engine"), weight::well, "epoll", "io_uring is refused");
    expect(finding_of(here, "io_uring"), weight::warns, "refused", "a seccomp profile forbids it");
}

TEST(DoctorFindings, NamesSignalThatKilledProbe) {
    facts here = healthy();
    here.ring = {};
    here.ring.killed = SIGSYS;
    expect(finding_of(here, "io_uring"), weight::fatal, "killed", "a seccomp profile kills");
    here.ring.killed = SIGALRM;
    expect(finding_of(here, "io_uring"), weight::fatal, "killed", "did not answer");
    here.ring.killed = SIGSEGV;
    expect(finding_of(here, "io_uring"), weight::fatal, "killed", "signal 11");
    // The signal is fatal even if it comes late.
    here = healthy();
    here.ring.killed = SIGSYS;
    EXPECT_EQ(heaviest(here), weight::fatal);
}

TEST(DoctorFindings, OldKernelLeavesEpoll) {
    facts here = healthy();
    here.process.release = "5.10.0-30-amd64";
    here.ring = refused_with(EINVAL);
    expect(finding_of(here, "engine"), weight::well, "epoll", "io_uring is refused");
    expect(finding_of(here, "Linux"), weight::well, "5.10.0-30-amd64", "so coil can only use epoll");
    expect(finding_of(here, "io_uring"), weight::warns, "refused", "too old");
}

TEST(DoctorFindings, OldReleaseWithNewRingWarns) {
    facts here = healthy();
    here.process.release = "5.14.0-570.el9.x86_64";
    expect(finding_of(here, "Linux"), weight::warns, "5.14.0-570.el9.x86_64", "not tested");
    EXPECT_EQ(heaviest(here), weight::warns);
}

TEST(DoctorFindings, UnknownReleaseIsWell) {
    facts here = healthy();
    here.process.release = "";
    expect(finding_of(here, "Linux"), weight::well, "unknown", "6.1");
}

TEST(DoctorFindings, FeaturesAfter6_1AreOptional) {
    facts here = healthy();
    here.ring.no_index_array = here.ring.no_iowait = here.ring.incremental_buffers = EINVAL;
    here.ring.registered_ring = EMFILE;
    expect(finding_of(here, "ring without index array"), weight::well, "no", "since 6.6");
    expect(finding_of(here, "sleep is not I/O wait"), weight::well, "no", "since 6.15");
    expect(finding_of(here, "incremental buffers"), weight::well, "no", "since 6.12");
    expect(finding_of(here, "registered ring"), weight::well, "no", "50 ns more");
    EXPECT_EQ(heaviest(here), weight::well);
}

TEST(DoctorFindings, MissingBuffersLeaveEpoll) {
    facts here = healthy();
    here.ring.buffers = EINVAL;
    here.ring.refusal = {EINVAL, "io_uring_register"};
    expect(finding_of(here, "engine"), weight::well, "epoll", "io_uring is refused");
    expect(finding_of(here, "provided buffers"), weight::warns, "no", "coil runs on epoll");
    EXPECT_FALSE(is_reported(here, "RLIMIT_MEMLOCK"));
}

TEST(DoctorFindings, MissingRequiredFeatureIsFatal) {
    const auto refuse = [](int ring_answers::* answer, const char* what) {
        facts here = healthy();
        here.ring.*answer = EINVAL;
        expect(finding_of(here, what), weight::fatal, "no", "can't do without it: Invalid argument");
    };
    refuse(&ring_answers::multishot_poll, "multishot poll");
    refuse(&ring_answers::multishot_recv, "multishot recv");
    refuse(&ring_answers::multishot_recvmsg, "multishot recvmsg");
}

// ---- permission -------------------------------------------------------------------------------------------

TEST(DoctorFindings, ExplainsSysctl) {
    const std::string what = "kernel.io_uring_disabled";
    facts here = healthy();
    expect(finding_of(here, what), weight::well, "0", "all users may");
    here.process.disabled = 1;
    expect(finding_of(here, what), weight::well, "1", "only root may");
    here.io_uring_group = 998;
    expect(finding_of(here, what), weight::well, "1", "only members of group 998");
    here.process.disabled = 2;
    expect(finding_of(here, what), weight::well, "2", "disabled for all users");
    here.process.disabled = -1;  // before 6.6
    EXPECT_FALSE(is_reported(here, what));
}

TEST(DoctorFindings, PermissiveSeccompProfileIsWell) {
    facts here = healthy();
    expect(finding_of(here, "seccomp"), weight::well, "none", "no profile");
    here.process.status = filtered;
    expect(finding_of(here, "seccomp"), weight::well, "filter", "allows io_uring");
    EXPECT_EQ(heaviest(here), weight::well);
    here.ring.enable = EPERM;
    expect(finding_of(here, "seccomp"), weight::well, "filter", "restricts");
}

TEST(DoctorFindings, NamesContainer) {
    facts here = healthy();
    expect(finding_of(here, "container"), weight::well, "none seen", "this machine's");
    here.container = "podman";
    expect(finding_of(here, "container"), weight::well, "podman", "where the container is started");
}

// ---- limits -----------------------------------------------------------------------------------------------

TEST(DoctorFindings, FewDescriptorsWarn) {
    const std::string what = "RLIMIT_NOFILE";
    facts here = healthy();
    here.descriptors = 999;
    expect(finding_of(here, what), weight::warns, "999 of 524288", "ulimit -n 524288");
    here.descriptors_hard = 999;
    expect(finding_of(here, what), weight::warns, "999 of 999", "only root can raise the hard limit");
    here.descriptors = here.descriptors_hard = 1000;
    expect(finding_of(here, what), weight::well, "1000 of 1000", "a connection takes one");
    here.descriptors = here.descriptors_hard = coil::ring::unlimited;
    expect(finding_of(here, what), weight::well, "unlimited of unlimited", "a connection takes one");
}

TEST(DoctorFindings, LowMemlockWarnsIfRingsCount) {
    const std::string what = "RLIMIT_MEMLOCK";
    facts here = healthy();
    here.process.memlock = 0;
    expect(finding_of(here, what), weight::well, "0 KiB", "any number");
    here.ring.without_memlock = ENOMEM;
    here.process.memlock = coil::ring::unlimited;
    expect(finding_of(here, what), weight::well, "unlimited", "any number");
    here.process.memlock = 8 << 20;
    expect(finding_of(here, what), weight::well, "8 MiB", "together: 89");
    here.process.memlock = 1 << 20;
    expect(finding_of(here, what), weight::warns, "1 MiB", "together: 11; ulimit -l");
    // Without any ring.
    here.ring = {};
    here.ring.set_up = ENOMEM;
    here.process.memlock = 64 * 1024;
    expect(finding_of(here, what), weight::warns, "64 KiB", "together: 0; ulimit -l");
    expect(finding_of(here, "io_uring"), weight::fatal, "refused", "the limit of locked memory is 64 KiB");
}

// The choice of the engine needs less than a context, so io_uring may be chosen and still not work.
TEST(DoctorFindings, ChosenEngineMustWork) {
    facts here = healthy();
    here.ring.set_up = EMFILE;
    expect(finding_of(here, "engine"), weight::fatal, "none", "see below");
    expect(finding_of(here, "io_uring"), weight::fatal, "refused", "too many open files");
    here.engine_variable = "epoll";
    expect(finding_of(here, "engine"), weight::well, "epoll", "COIL_ENGINE");
}

TEST(DoctorFindings, LittleMemoryWarns) {
    facts here = healthy();
    EXPECT_FALSE(is_reported(here, "memory.max"));
    here.memory_max = 32 << 20;
    expect(finding_of(here, "memory.max"), weight::warns, "32 MiB", "raise it");
    here.memory_max = 64 << 20;
    expect(finding_of(here, "memory.max"), weight::well, "64 MiB", "socket buffers count, too");
}

TEST(DoctorFindings, ShortAcceptQueueWarns) {
    facts here = healthy();
    here.somaxconn = 128;
    expect(finding_of(here, "net.core.somaxconn"), weight::warns, "128", "sysctl -w net.core.somaxconn=4096");
    here.somaxconn = 1000;
    expect(finding_of(here, "net.core.somaxconn"), weight::well, "1000", "wait for accept()");
}

TEST(DoctorFindings, ShortSynQueueWarnsWithoutCookies) {
    const std::string what = "net.ipv4.tcp_max_syn_backlog";
    facts here = healthy();
    expect(finding_of(here, what), weight::well, "128", "SYN cookies");
    here.syn_cookies = 0;
    expect(finding_of(here, what), weight::warns, "128", "sysctl -w net.ipv4.tcp_syncookies=1");
    here.syn_backlog = 1000;
    expect(finding_of(here, what), weight::well, "1000", "half open");
}

TEST(DoctorFindings, SmallSocketBuffersWarn) {
    facts here = healthy();
    expect(finding_of(here, "net.core.rmem_max"), weight::well, "208 KiB", "receive_buffer_size");
    expect(finding_of(here, "net.core.wmem_max"), weight::well, "208 KiB", "send_buffer_size");
    here.receive_buffer_max = here.send_buffer_max = 65'536;
    expect(finding_of(here, "net.core.rmem_max"), weight::warns, "64 KiB",
           "sysctl -w net.core.rmem_max=4194304");
    expect(finding_of(here, "net.core.wmem_max"), weight::warns, "64 KiB",
           "sysctl -w net.core.wmem_max=4194304");
}

TEST(DoctorFindings, FewPortsWarn) {
    const std::string what = "net.ipv4.ip_local_port_range";
    facts here = healthy();
    expect(finding_of(here, what), weight::well, "32768 to 60999", "at most 28232 connections");
    here.last_port = here.first_port.value() + 998;
    expect(finding_of(here, what), weight::warns, "32768 to 33766", "at most 999 connections");
}

TEST(DoctorFindings, OmitsUnknownValues) {
    facts here = healthy();
    here.somaxconn = here.syn_backlog = here.syn_cookies = here.receive_buffer_max = here.send_buffer_max =
        here.first_port = here.last_port = here.io_uring_group = number();
    EXPECT_EQ(heaviest(here), weight::well);
    for (const finding& each: examine(here))
        EXPECT_FALSE(each.what.starts_with("net.")) << each.what;
}

}  // namespace
}  // namespace doctor
