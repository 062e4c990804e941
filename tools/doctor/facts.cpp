// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "doctor/facts.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include <sys/resource.h>

namespace doctor {
namespace {

number number_in(const std::string& path, int position = 1) {
    std::ifstream file(path);
    number read;
    for (long long each = 0; position > 0 && file >> each; --position)
        read = each;
    return position == 0 ? read : std::nullopt;
}

bool exists(const std::string& path) { return std::ifstream(path).good(); }

std::string container(const std::string& root) {
    if (exists(root + "/.dockerenv"))
        return "docker";
    if (exists(root + "/run/.containerenv"))
        return "podman";
    std::string kind;
    std::ifstream(root + "/run/systemd/container") >> kind;
    return kind;
}

// Returns the lowest memory limit of this process's cgroup and its parent groups, because all these limits
// apply. Supports only cgroup version 2, whose mount point is known.
number memory_max(const std::string& root) {
    std::ifstream groups(root + "/proc/self/cgroup");
    std::string line;
    while (std::getline(groups, line) && !line.starts_with("0::/"))
        ;
    if (!groups)
        return std::nullopt;
    number least;
    for (std::string group = line.substr(3);;) {
        std::string path = root;
        path.append("/sys/fs/cgroup").append(group).append("/memory.max");
        const number here = number_in(path);  // "max" is not a number and means no limit
        if (here)
            least = std::min(*here, least.value_or(*here));
        if (group.empty())
            return least;
        group.erase(group.rfind('/'));
    }
}

}  // namespace

facts survey() {
    facts found;
    found.process = coil::ring::circumstances_of_this_process();
    found.ring = probe_ring();
    if (const char* variable = std::getenv("COIL_ENGINE"))
        found.engine_variable = variable;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        found.descriptors = limit.rlim_cur;
        found.descriptors_hard = limit.rlim_max;
    }
    read_files(found, "");
    return found;
}

void read_files(facts& found, const std::string& root) {
    const std::string sysctl = root + "/proc/sys/";
    found.container = container(root);
    found.io_uring_group = number_in(sysctl + "kernel/io_uring_group");
    found.somaxconn = number_in(sysctl + "net/core/somaxconn");
    found.syn_backlog = number_in(sysctl + "net/ipv4/tcp_max_syn_backlog");
    found.syn_cookies = number_in(sysctl + "net/ipv4/tcp_syncookies");
    found.receive_buffer_max = number_in(sysctl + "net/core/rmem_max");
    found.send_buffer_max = number_in(sysctl + "net/core/wmem_max");
    found.first_port = number_in(sysctl + "net/ipv4/ip_local_port_range", 1);
    found.last_port = number_in(sysctl + "net/ipv4/ip_local_port_range", 2);
    found.memory_max = memory_max(root);
}

}  // namespace doctor
