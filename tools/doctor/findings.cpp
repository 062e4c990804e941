// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "doctor/findings.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>
#include <utility>

#include "ring/engine.hpp"

namespace doctor {
namespace {

using coil::ring::is_before_6_1;
using coil::ring::is_filtered;
using coil::ring::unlimited;

// The number of connections that the limits should allow.
constexpr long long connections = 1000;
constexpr long long buffer_default = 212'992;  // the kernel's default for rmem_max and wmem_max
constexpr long long MiB = 1 << 20;
constexpr long long memory_little = 64 * MiB;
// The memory that a context with default options locks for its ring and its pool's buffer ring.
constexpr unsigned long long ring_size = 92 * 1024;
constexpr unsigned long long contexts_few = 16;

std::string size_text(unsigned long long bytes) {
    if (bytes == unlimited)
        return "unlimited";
    return bytes > 0 && bytes % MiB == 0 ? std::to_string(bytes / MiB) + " MiB"
                                         : std::to_string(bytes / 1024) + " KiB";
}

std::string limit_text(unsigned long long limit) {
    return limit == unlimited ? "unlimited" : std::to_string(limit);
}

/// The findings, in the order in which they are printed.
class report {
public:
    void begin(const char* group) { group_ = group; }

    void well(std::string what, std::string found, std::string meaning) {
        add(std::move(what), std::move(found), std::move(meaning), weight::well);
    }
    void warns(std::string what, std::string found, std::string meaning) {
        add(std::move(what), std::move(found), std::move(meaning), weight::warns);
    }
    void fatal(std::string what, std::string found, std::string meaning) {
        add(std::move(what), std::move(found), std::move(meaning), weight::fatal);
    }

    std::vector<finding> take() { return std::move(all_); }

private:
    void add(std::string what, std::string found, std::string meaning, weight how) {
        all_.push_back({group_, std::move(what), std::move(found), std::move(meaning), how});
    }

    const char* group_ = "";
    std::vector<finding> all_;
};

// ---- kernel ----------------------------------------------------------------------------------------------

/// A kernel feature, and what coil does with it and without it.
struct feature {
    const char* what;
    int ring_answers::* answer;
    const char* with;
    const char* without;  // null if coil needs the feature
};

constexpr feature features[] = {
    {"ring without index array", &ring_answers::no_index_array, "the kernel takes SQEs in ring order",
     "since 6.6; coil uses the index array: a little more memory to read"},
    {"registered ring", &ring_answers::registered_ring, "run() enters through it: saves 50 ns per iteration",
     "run() enters through the ring's descriptor: 50 ns more per iteration"},
    {"sleep is not I/O wait", &ring_answers::no_iowait, "a sleeping loop counts as idle",
     "since 6.15; a sleeping loop is shown as I/O wait, which costs nothing"},
    {"provided buffers", &ring_answers::buffers, "the pool: the kernel picks a buffer when data arrives",
     nullptr},
    {"incremental buffers", &ring_answers::incremental_buffers,
     "the pool has buffers of 256 KiB, filled incrementally",
     "since 6.12; the pool has buffers of 16 KiB, each for one receive"},
    {"multishot poll", &ring_answers::multishot_poll, "other threads wake the loop through it", nullptr},
    {"multishot recv", &ring_answers::multishot_recv, "a recv_stream submits one receive for all bytes",
     nullptr},
    {"multishot recvmsg", &ring_answers::multishot_recvmsg,
     "a recvfrom_stream submits one receive for all datagrams", nullptr},
};

std::string refusal_text(int error) {
    return "coil can't do without it: " + std::generic_category().message(error);
}

bool works(const ring_answers& ring) {
    return ring.killed == 0 && ring.set_up == 0 && ring.enable == 0 &&
           std::all_of(std::begin(features), std::end(features),
                       [&](const feature& each) { return each.without || ring.*each.answer == 0; });
}

// Returns the engine that coil chooses if COIL_ENGINE does not decide, or nothing if a context then fails.
std::optional<coil::ring::engine_choice> choice_of(const facts& here) {
    try {
        return coil::ring::choose_by(here.ring.refusal, here.process);
    } catch (const std::system_error&) {
        return std::nullopt;
    }
}

bool runs_on_epoll(const facts& here) {
    const std::string& variable = here.engine_variable;
    if (!variable.empty() && variable != "auto")
        return variable == "epoll";
    const auto choice = choice_of(here);
    return here.ring.killed == 0 && choice && choice->engine == coil::io_engine::epoll;
}

void examine_engine(const facts& here, report& lines) {
    const std::string& variable = here.engine_variable;
    if (variable == "epoll")
        lines.well("engine", "epoll", "the environment variable COIL_ENGINE is epoll");
    else if (variable == "io_uring" && !works(here.ring))
        lines.fatal(
            "engine", "io_uring",
            "the environment variable COIL_ENGINE is io_uring, but io_uring does not work here; unset "
            "the variable");
    else if (variable == "io_uring")
        lines.well("engine", "io_uring", "the environment variable COIL_ENGINE is io_uring");
    else if (!variable.empty() && variable != "auto")
        lines.fatal("engine", "none", "COIL_ENGINE is '" + variable + "'; it can be auto, io_uring or epoll");
    else if (here.ring.killed != 0)
        lines.fatal("engine", "none", "trying io_uring kills the program; set COIL_ENGINE=epoll");
    else if (runs_on_epoll(here))
        lines.well("engine", "epoll", "io_uring is refused, see below");
    else if (choice_of(here) && !works(here.ring))
        lines.fatal("engine", "none", "coil chooses io_uring, but a part of it does not work, see below");
    else if (const auto choice = choice_of(here))
        lines.well("engine", to_string(choice->engine), choice->reason);
    else
        lines.fatal("engine", "none", "io_uring can't be used, see below; or set COIL_ENGINE=epoll");
}

void examine_release(const facts& here, report& lines) {
    const std::string release = here.process.release.empty() ? "unknown" : here.process.release;
    if (!is_before_6_1(here.process))
        lines.well("Linux", release, "coil uses io_uring on 6.1 or newer, and epoll on 4.18 or newer");
    else if (works(here.ring))
        lines.warns("Linux", release,
                    "older than 6.1, but its io_uring has what coil needs; coil is not tested there");
    else
        lines.well("Linux", release, "older than 6.1, so coil can only use epoll");
}

std::string death_text(int signal) {
    switch (signal) {
    case SIGSYS:
        return "a seccomp profile kills processes that use it; allow io_uring_setup, io_uring_enter and "
               "io_uring_register in the container's profile";
    case SIGALRM: return "the kernel did not answer within seconds";
    default: return "a process that uses it is killed by signal " + std::to_string(signal);
    }
}

void examine_ring(const facts& here, report& lines) {
    const ring_answers& ring = here.ring;
    const auto refused = [&](std::string why) {
        if (here.engine_variable == "epoll")
            lines.well("io_uring", "refused", std::move(why));
        else if (runs_on_epoll(here))
            lines.warns("io_uring", "refused", std::move(why));
        else
            lines.fatal("io_uring", "refused", std::move(why));
    };
    if (ring.killed != 0 && here.engine_variable == "epoll")
        lines.well("io_uring", "killed", death_text(ring.killed));
    else if (ring.killed != 0)
        lines.fatal("io_uring", "killed", death_text(ring.killed));
    else if (ring.set_up != 0)
        refused(cause_and_remedy(ring.set_up, here.process));
    else if (ring.enable != 0)
        refused(cause_and_remedy(ring.enable, here.process, "io_uring_register"));
    else if (ring.refusal.error != 0)
        refused(cause_and_remedy(ring.refusal.error, here.process, ring.refusal.call));
    else
        lines.well("io_uring", "yes", "a ring with the flags of an io_context: SINGLE_ISSUER, DEFER_TASKRUN");

    for (const feature& each: features) {
        const int answer = ring.*each.answer;
        if (answer == ring_answers::not_asked)
            continue;
        if (answer == 0)
            lines.well(each.what, "yes", each.with);
        else if (each.without)
            lines.well(each.what, "no", each.without);
        else if (runs_on_epoll(here))
            lines.warns(each.what, "no",
                        "without it, coil runs on epoll: " + std::generic_category().message(answer));
        else
            lines.fatal(each.what, "no", refusal_text(answer));
    }
}

void examine_epoll(const facts& here, report& lines) {
    const ring_answers& answers = here.ring;
    const bool is_used = runs_on_epoll(here);
    if (answers.epoll == ring_answers::not_asked)
        return;
    if (answers.epoll == 0) {
        lines.well("epoll", "yes", is_used ? "coil runs on it" : "coil would run on it without io_uring");
    } else {
        std::string why = cause_and_remedy(answers.epoll, here.process, answers.epoll_call);
        if (is_used)
            lines.fatal("epoll", "refused", std::move(why));
        else
            lines.well("epoll", "refused", std::move(why));
    }
    if (!is_used || answers.epoll_pwait2 == ring_answers::not_asked)
        return;
    if (answers.epoll_pwait2 == 0)
        lines.well("epoll_pwait2", "yes", "deadlines are exact");
    else
        lines.well("epoll_pwait2", "no", "since 5.11; deadlines are rounded up to a millisecond");
}

void examine_kernel(const facts& here, report& lines) {
    lines.begin("kernel");
    examine_engine(here, lines);
    examine_release(here, lines);
    examine_ring(here, lines);
    examine_epoll(here, lines);
}

// ---- permission ------------------------------------------------------------------------------------------

std::string disabled_text(int disabled, const number& group) {
    switch (disabled) {
    case 0: return "all users may use io_uring";
    case 1:
        if (group && *group >= 0)
            return "only members of group " + std::to_string(*group) +
                   " (kernel.io_uring_group) and root may: run coil_doctor as the user of the server";
        return "only root may, because no group is set (kernel.io_uring_group)";
    default: return "io_uring is disabled for all users; sysctl -w kernel.io_uring_disabled=0";
    }
}

void examine_permission(const facts& here, report& lines) {
    lines.begin("permission");
    if (const int disabled = here.process.disabled; disabled >= 0)
        lines.well("kernel.io_uring_disabled", std::to_string(disabled),
                   disabled_text(disabled, here.io_uring_group));
    if (!is_filtered(here.process))
        lines.well("seccomp", "none", "no profile filters system calls");
    else if (works(here.ring))
        lines.well("seccomp", "filter", "the profile allows io_uring");
    else
        lines.well("seccomp", "filter", "a profile restricts the system calls");
    if (here.container.empty())
        lines.well("container", "none seen", "limits and sysctls are this machine's");
    else
        lines.well("container", here.container,
                   "limits, sysctls and the seccomp profile are set where the container is started");
}

// ---- limits ----------------------------------------------------------------------------------------------

void examine_descriptors(const facts& here, report& lines) {
    const std::string found = limit_text(here.descriptors) + " of " + limit_text(here.descriptors_hard);
    if (here.descriptors >= connections)
        lines.well("RLIMIT_NOFILE", found, "a connection takes one descriptor, a context three");
    else if (here.descriptors_hard >= connections)
        lines.warns("RLIMIT_NOFILE", found,
                    "further connections have to wait; ulimit -n " + limit_text(here.descriptors_hard) +
                        ", or LimitNOFILE= of the service");
    else
        lines.warns(
            "RLIMIT_NOFILE", found,
            "further connections have to wait; only root can raise the hard limit: LimitNOFILE= of the "
            "service, docker run --ulimit nofile=");
}

void examine_backlogs(const facts& here, report& lines) {
    if (here.somaxconn && *here.somaxconn < connections)
        lines.warns("net.core.somaxconn", std::to_string(*here.somaxconn),
                    "in larger bursts connections are dropped, and retried after a second; "
                    "sysctl -w net.core.somaxconn=4096");
    else if (here.somaxconn)
        lines.well("net.core.somaxconn", std::to_string(*here.somaxconn),
                   "connections that may wait for accept()");

    if (!here.syn_backlog)
        return;
    const std::string found = std::to_string(*here.syn_backlog);
    if (here.syn_cookies.value_or(1) != 0)
        lines.well("net.ipv4.tcp_max_syn_backlog", found, "beyond it the kernel sends SYN cookies");
    else if (*here.syn_backlog < connections)
        lines.warns("net.ipv4.tcp_max_syn_backlog", found,
                    "further half-open connections are dropped; sysctl -w net.ipv4.tcp_syncookies=1");
    else
        lines.well("net.ipv4.tcp_max_syn_backlog", found, "connections that may be half open");
}

void examine_buffer(const char* what, const number& size, const char* kind, report& lines) {
    if (!size)
        return;
    const std::string found = size_text(static_cast<unsigned long long>(*size));
    if (*size < buffer_default)
        lines.warns(what, found,
                    std::string("below the usual default: bursts of datagrams don't fit; sysctl -w ") + what +
                        "=4194304");
    else
        lines.well(what, found, std::string("the maximum of set_option(") + kind + ")");
}

void examine_ports(const facts& here, report& lines) {
    if (!here.first_port || !here.last_port)
        return;
    const long long count = std::max(*here.last_port - *here.first_port + 1, 0LL);
    const std::string found = std::to_string(*here.first_port) + " to " + std::to_string(*here.last_port);
    if (count < connections)
        lines.warns("net.ipv4.ip_local_port_range", found,
                    "a client has at most " + std::to_string(count) +
                        " connections to one server; sysctl -w net.ipv4.ip_local_port_range=\"32768 60999\"");
    else
        lines.well("net.ipv4.ip_local_port_range", found,
                   "a client has at most " + std::to_string(count) + " connections to one server");
}

// Reports how many contexts RLIMIT_MEMLOCK allows. Rings counted against this limit before Linux 5.12, did
// not count later, and count again on 6.18, except for root. coil_doctor therefore probes the kernel instead
// of comparing versions.
void examine_locked_memory(const facts& here, report& lines) {
    if (runs_on_epoll(here))
        return;  // epoll locks no memory
    const unsigned long long limit = here.process.memlock;
    const std::string found = size_text(limit);
    const unsigned long long contexts = limit / ring_size;
    if (here.ring.without_memlock == 0 || limit == unlimited) {
        lines.well("RLIMIT_MEMLOCK", found, "any number of contexts: their rings don't count against it");
        return;
    }
    const std::string text = "contexts in all processes of this user together: " + std::to_string(contexts);
    if (contexts < contexts_few)
        lines.warns("RLIMIT_MEMLOCK", found, text + "; ulimit -l, or LimitMEMLOCK= of the service");
    else
        lines.well("RLIMIT_MEMLOCK", found, text);
}

void examine_memory(const facts& here, report& lines) {
    if (!here.memory_max)
        return;
    const std::string found = size_text(static_cast<unsigned long long>(*here.memory_max));
    const std::string text = "a context has up to three pools of 4 MiB; socket buffers count, too";
    if (*here.memory_max < memory_little)
        lines.warns("memory.max", found, text + ": raise it (MemoryMax=, docker run --memory)");
    else
        lines.well("memory.max", found, text);
}

void examine_limits(const facts& here, report& lines) {
    lines.begin("limits");
    examine_descriptors(here, lines);
    examine_locked_memory(here, lines);
    examine_memory(here, lines);
    examine_backlogs(here, lines);
    examine_buffer("net.core.rmem_max", here.receive_buffer_max, "receive_buffer_size", lines);
    examine_buffer("net.core.wmem_max", here.send_buffer_max, "send_buffer_size", lines);
    examine_ports(here, lines);
}

}  // namespace

std::vector<finding> examine(const facts& here) {
    report lines;
    examine_kernel(here, lines);
    examine_permission(here, lines);
    examine_limits(here, lines);
    return lines.take();
}

weight heaviest_of(const std::vector<finding>& findings) noexcept {
    weight heaviest = weight::well;
    for (const finding& each: findings)
        heaviest = std::max(heaviest, each.how);
    return heaviest;
}

}  // namespace doctor
