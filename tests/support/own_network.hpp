// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "support/loopback.hpp"

namespace coil::test {

/// Runs a story on a thread that has its own network namespace, where the loopback interface is up and
/// sysctls can be set. Returns false, without running the story, if the process lacks the necessary
/// privilege.
class own_network {
public:
    static bool run(const std::function<void()>& story) {
        bool entered = false;
        std::thread([&] {
            entered = ::unshare(CLONE_NEWNET) == 0;
            if (!entered)
                return;
            EXPECT_TRUE(bring_up_loopback()) << std::strerror(errno);
            story();
        }).join();
        return entered;
    }

    /// Sets a sysctl in this network namespace, such as "net/ipv4/ping_group_range".
    static void set(const std::string& sysctl, const std::string& value) {
        const int file = ::open(("/proc/sys/" + sysctl).c_str(), O_WRONLY | O_CLOEXEC);
        EXPECT_GE(file, 0) << sysctl << ": " << std::strerror(errno);
        EXPECT_EQ(::write(file, value.data(), value.size()), static_cast<ssize_t>(value.size()));
        ::close(file);
    }
};

}  // namespace coil::test
