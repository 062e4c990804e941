// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace coil::test {

/// Another program that runs alongside the test, such as socat or Debian's python3. Its standard output is
/// captured, and it is terminated after 10 seconds.
class foreign_program {
public:
    /// Returns true if the program is installed. If it returns false, skip the test.
    static bool is_there(const std::string& path) { return ::access(path.c_str(), X_OK) == 0; }

    explicit foreign_program(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"/usr/bin/timeout", "10"});
        std::vector<char*> pointers;
        for (std::string& each: arguments)
            pointers.push_back(each.data());
        pointers.push_back(nullptr);
        std::array<int, 2> pipe{};
        EXPECT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
        EXPECT_EQ(::posix_spawn(&id_, pointers[0], &actions, nullptr, pointers.data(), environ), 0);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(pipe[1]);
        output_ = pipe[0];
    }
    foreign_program(const foreign_program&) = delete;
    foreign_program& operator=(const foreign_program&) = delete;
    ~foreign_program() {
        if (id_ > 0)
            static_cast<void>(finish());
    }

    /// Waits until the program ends, and returns its output.
    std::string finish() {
        std::string text;
        std::array<char, 1000> buffer;
        for (ssize_t n; (n = ::read(output_, buffer.data(), buffer.size())) > 0;)
            text.append(buffer.data(), static_cast<std::size_t>(n));
        ::close(output_);
        int status = 0;
        EXPECT_EQ(::waitpid(std::exchange(id_, 0), &status, 0) > 0, true) << errno;
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
            << "status " << status << ", output: " << text;
        return text;
    }

private:
    pid_t id_ = 0;
    int output_ = -1;
};

/// A temporary folder. The destructor removes it together with its contents.
class own_folder {
public:
    own_folder() { EXPECT_NE(::mkdtemp(path_.data()), nullptr); }
    own_folder(const own_folder&) = delete;
    own_folder& operator=(const own_folder&) = delete;
    ~own_folder() {
        const std::string command = "rm -rf '" + path_ + "'";
        EXPECT_EQ(std::system(command.c_str()), 0);
    }

    [[nodiscard]] std::string operator/(const char* name) const { return path_ + "/" + name; }

private:
    std::string path_ = "/tmp/coil-test-XXXXXX";
};

}  // namespace coil::test
