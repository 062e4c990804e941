// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "doctor/ring_probe.hpp"
#include "ring/diagnosis.hpp"

namespace doctor {

/// What a number in a file of the kernel says; none where there is no such file: an older kernel, or a container.
using number = std::optional<long long>;

/// What was found on this machine. What it means is for `examine`.
struct facts {
    coil::ring::circumstances process;
    ring_answers ring;
    std::string container;  // its kind, or nothing
    number io_uring_group;  // -1: nobody's

    unsigned long long descriptors = 0;  // RLIMIT_NOFILE
    unsigned long long descriptors_hard = 0;
    number somaxconn;
    number syn_backlog;
    number syn_cookies;
    number receive_buffer_max;  // bytes, of any socket
    number send_buffer_max;
    number first_port;  // of those that connect() chooses from
    number last_port;
    number memory_max;  // bytes: the least of the memory cgroups that this is in
};

/// Looks at this process and this kernel.
[[nodiscard]] facts survey();

/// The part of it that is in files. `root` goes before their names, so that tests can write them.
void read_files(facts& found, const std::string& root);

}  // namespace doctor
