// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "doctor/facts.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace doctor {
namespace {

/// A temporary folder that stands in for `/`.
class machine {
public:
    machine() {
        std::string name = (std::filesystem::temp_directory_path() / "coil_doctor.XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        root_ = name;
    }
    machine(const machine&) = delete;
    machine& operator=(const machine&) = delete;
    ~machine() { std::filesystem::remove_all(root_); }

    void write(const std::string& path, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
        std::ofstream(root_ + path) << text;
    }
    [[nodiscard]] facts read() const {
        facts found;
        read_files(found, root_);
        return found;
    }

private:
    std::string root_;
};

TEST(DoctorFacts, ReadsFormatsOfTheKernel) {
    const machine here;
    here.write("/proc/sys/kernel/io_uring_group", "-1\n");
    here.write("/proc/sys/net/core/somaxconn", "4096\n");
    here.write("/proc/sys/net/ipv4/tcp_max_syn_backlog", "2048\n");
    here.write("/proc/sys/net/ipv4/tcp_syncookies", "0\n");
    here.write("/proc/sys/net/core/rmem_max", "212992\n");
    here.write("/proc/sys/net/core/wmem_max", "4194304\n");
    here.write("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
    const facts found = here.read();
    EXPECT_EQ(found.io_uring_group, -1);
    EXPECT_EQ(found.somaxconn, 4096);
    EXPECT_EQ(found.syn_backlog, 2048);
    EXPECT_EQ(found.syn_cookies, 0);
    EXPECT_EQ(found.receive_buffer_max, 212'992);
    EXPECT_EQ(found.send_buffer_max, 4'194'304);
    EXPECT_EQ(found.first_port, 32'768);
    EXPECT_EQ(found.last_port, 60'999);
    EXPECT_EQ(found.container, "");
    EXPECT_EQ(found.memory_max, number());
}

TEST(DoctorFacts, MissingOrInvalidFilesGiveNoNumber) {
    const machine here;
    here.write("/proc/sys/net/core/somaxconn", "many\n");
    here.write("/proc/sys/net/ipv4/ip_local_port_range", "32768\n");
    const facts found = here.read();
    EXPECT_EQ(found.somaxconn, number());
    EXPECT_EQ(found.syn_backlog, number());
    EXPECT_EQ(found.last_port, number());
}

TEST(DoctorFacts, RecognizesContainers) {
    const machine in_docker;
    in_docker.write("/.dockerenv", "");
    EXPECT_EQ(in_docker.read().container, "docker");
    const machine in_podman;
    in_podman.write("/run/.containerenv", "engine=\"podman\"\n");
    EXPECT_EQ(in_podman.read().container, "podman");
    const machine in_nspawn;
    in_nspawn.write("/run/systemd/container", "systemd-nspawn\n");
    EXPECT_EQ(in_nspawn.read().container, "systemd-nspawn");
}

TEST(DoctorFacts, UsesTightestMemoryCgroup) {
    const machine here;
    here.write("/proc/self/cgroup", "0::/system.slice/server.service\n");
    here.write("/sys/fs/cgroup/system.slice/server.service/memory.max", "max\n");
    EXPECT_EQ(here.read().memory_max, number());
    here.write("/sys/fs/cgroup/system.slice/memory.max", "1073741824\n");
    EXPECT_EQ(here.read().memory_max, 1 << 30);
    here.write("/sys/fs/cgroup/system.slice/server.service/memory.max", "67108864\n");
    EXPECT_EQ(here.read().memory_max, 64 << 20);
}

TEST(DoctorFacts, ReadsRootCgroupInContainer) {
    const machine here;
    here.write("/proc/self/cgroup", "9:name=systemd:/\n0::/\n");
    here.write("/sys/fs/cgroup/memory.max", "33554432\n");
    EXPECT_EQ(here.read().memory_max, 32 << 20);
}

TEST(DoctorFacts, IgnoresCgroupsOfVersion1) {
    const machine here;
    here.write("/proc/self/cgroup", "4:memory:/server\n1:cpu:/\n");
    here.write("/sys/fs/cgroup/memory.max", "33554432\n");
    EXPECT_EQ(here.read().memory_max, number());
}

TEST(DoctorFacts, SurveysThisMachine) {
    const facts found = survey();
    EXPECT_NE(found.process.release, "");
    EXPECT_GT(found.descriptors, 0u);
    EXPECT_GE(found.descriptors_hard, found.descriptors);
    EXPECT_GT(found.somaxconn.value_or(0), 0);
    EXPECT_LT(found.first_port.value_or(0), found.last_port.value_or(0));
}

}  // namespace
}  // namespace doctor
