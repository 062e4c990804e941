// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "doctor/ring_probe.hpp"
#include "ring/diagnosis.hpp"

namespace doctor {

/// A number read from a kernel file. It is empty if the file does not exist, for example on an older kernel
/// or in a container.
using number = std::optional<long long>;

/// The facts about this machine. `examine` evaluates them.
struct facts {
    coil::ring::circumstances process;
    ring_answers ring;
    std::string engine_variable;  // COIL_ENGINE
    std::string container;        // the kind of container; empty if none was detected
    number io_uring_group;        // -1 if no group is set

    unsigned long long descriptors = 0;  // RLIMIT_NOFILE
    unsigned long long descriptors_hard = 0;
    number somaxconn;
    number syn_backlog;
    number syn_cookies;
    number receive_buffer_max;  // bytes per socket
    number send_buffer_max;
    number first_port;  // the range from which connect() chooses a port
    number last_port;
    number memory_max;  // in bytes: the lowest limit of this process's memory cgroups
};

/// Collects the facts about this process and this kernel.
[[nodiscard]] facts survey();

/// Reads the facts that are in files. Puts `root` in front of the files' paths, so that tests can provide the
/// files.
void read_files(facts& found, const std::string& root);

}  // namespace doctor
