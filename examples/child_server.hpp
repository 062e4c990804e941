// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <coil/base/endpoint.hpp>

namespace example {

/// One of the echo servers beside this program, as a process of its own, on a free port. It ends with us.
class child_server {
public:
    /// Starts it, and waits until it says where it listens.
    explicit child_server(const std::string& name) : name_(name) {
        const std::string path = std::filesystem::read_symlink("/proc/self/exe").replace_filename(name);
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) < 0)
            throw std::system_error(errno, std::system_category(), "pipe2");
        process_ = ::fork();
        if (process_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGTERM);
            ::dup2(ends[1], STDOUT_FILENO);
            ::execl(path.c_str(), name.c_str(), "--port", "0", nullptr);
            ::_exit(127);
        }
        ::close(ends[1]);
        const std::string line = process_ > 0 ? first_line(ends[0]) : std::string();
        ::close(ends[0]);

        constexpr std::string_view greeting = "listening on ";
        if (!line.starts_with(greeting)) {
            end();
            throw std::runtime_error(path + " did not start");
        }
        listens_on_ = coil::ip::make_endpoint(line.substr(greeting.size()));
    }
    child_server(const child_server&) = delete;
    child_server& operator=(const child_server&) = delete;
    ~child_server() { end(); }

    [[nodiscard]] const coil::ip::endpoint& listens_on() const noexcept { return listens_on_; }

    /// As Ctrl-C does. Throws unless the server ends well.
    void interrupt() {
        ::kill(process_, SIGINT);
        int status = 0;
        for (auto rest = patience; ::waitpid(process_, &status, WNOHANG) == 0; rest -= pause) {
            if (rest <= rest.zero())
                throw std::runtime_error(name_ + " did not end within " + std::to_string(patience.count()) +
                                         " ms of SIGINT");
            ::poll(nullptr, 0, static_cast<int>(pause.count()));
        }
        process_ = -1;
        if (status != 0)
            throw std::runtime_error(name_ + " ended with status " +
                                     std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : status));
    }

private:
    static constexpr std::chrono::milliseconds patience{10'000};
    static constexpr std::chrono::milliseconds pause{2};

    // What it writes up to the first newline, or its end.
    static std::string first_line(int from) {
        std::string line;
        pollfd readable{from, POLLIN, 0};
        char next;
        while (::poll(&readable, 1, static_cast<int>(patience.count())) > 0 && ::read(from, &next, 1) == 1) {
            if (next == '\n')
                return line;
            line += next;
        }
        return {};
    }

    void end() noexcept {
        if (process_ <= 0)
            return;
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
        process_ = -1;
    }

    std::string name_;
    pid_t process_ = -1;
    coil::ip::endpoint listens_on_;
};

}  // namespace example
