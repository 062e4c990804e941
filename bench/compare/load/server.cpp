// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "load/server.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <time.h>
#include <unistd.h>

namespace compare {
namespace {

constexpr long patience_milliseconds = 5000;

void pause_for_a_millisecond() {
    const timespec pause{0, 1'000'000};
    ::nanosleep(&pause, nullptr);
}

std::string folder_of(pid_t process) { return "/proc/" + std::to_string(process); }

}  // namespace

server::state server::sample() const {
    state found;
    for (const auto& thread: std::filesystem::directory_iterator(folder_of(process_) + "/task")) {
        std::int64_t cpu = 0;
        std::ifstream(thread.path() / "schedstat") >> cpu;
        found.cpu += cpu;
        // The format is `PID (NAME) STATE ...`, and NAME may contain any character.
        std::string stat;
        std::getline(std::ifstream(thread.path() / "stat"), stat);
        const auto end_of_name = stat.rfind(") ");
        found.running |= end_of_name != std::string::npos && stat[end_of_name + 2] == 'R';
    }
    return found;
}

std::int64_t server::cpu_at_rest() const {
    if (process_ == 0)
        return 0;
    state before = sample();
    for (long waited = 0; waited < patience_milliseconds; ++waited) {
        pause_for_a_millisecond();
        const state after = sample();
        if (!after.running && after.cpu == before.cpu)
            return after.cpu;
        before = after;
    }
    throw std::runtime_error("the server does not become idle within 5 s");
}

std::int64_t server::resident() const {
    if (process_ == 0)
        return 0;
    std::int64_t size = 0, resident = 0;
    std::ifstream(folder_of(process_) + "/statm") >> size >> resident;
    return resident * ::sysconf(_SC_PAGESIZE);
}

std::int64_t allocated_bytes(const std::string& file) {
    if (file.empty())
        return -1;
    std::int64_t bytes = 0;
    if (!std::ifstream(file, std::ios::binary).read(reinterpret_cast<char*>(&bytes), sizeof bytes))
        throw std::runtime_error("cannot read the count of allocated bytes from " + file);
    return bytes;
}

}  // namespace compare
