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

/// Runs one of the echo servers from this program's folder as a child process, on a free port. The server
/// ends when this process ends.
class child_server {
public:
    /// Starts the server and waits until it prints its endpoint.
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

    /// Interrupts the server, as Ctrl-C does. Throws if the server does not exit with status 0.
    void interrupt() {
        ::kill(process_, SIGINT);
        int status = 0;
        for (auto rest = time_limit; ::waitpid(process_, &status, WNOHANG) == 0; rest -= pause) {
            if (rest <= rest.zero())
                throw std::runtime_error(name_ + " did not end within " + std::to_string(time_limit.count()) +
                                         " ms of SIGINT");
            ::poll(nullptr, 0, static_cast<int>(pause.count()));
        }
        process_ = -1;
        if (status != 0)
            throw std::runtime_error(name_ + " ended with status " +
                                     std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : status));
    }

private:
    static constexpr std::chrono::milliseconds time_limit{10'000};
    static constexpr std::chrono::milliseconds pause{2};

    // Returns the first line of the output, or nothing if no complete line arrives in time.
    static std::string first_line(int from) {
        std::string line;
        pollfd readable{from, POLLIN, 0};
        char next;
        while (::poll(&readable, 1, static_cast<int>(time_limit.count())) > 0 &&
               ::read(from, &next, 1) == 1) {
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
