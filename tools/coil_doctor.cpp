// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Checks which features this kernel offers, which of them coil uses, and which limits are too low. Run it
// with `./dev doctor`.

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <sys/ioctl.h>
#include <unistd.h>

#include <coil/version.hpp>

#include "command_line.hpp"
#include "doctor/facts.hpp"
#include "doctor/findings.hpp"
#include "doctor/table.hpp"

// Exit statuses 1 and 2 mean findings. Other failures use the numbers from sysexits.h.
constexpr int wrong_usage = 64;
constexpr int own_failure = 70;

constexpr const char* purpose =
    "Checks what this kernel offers, what coil uses of it, and which limits are too low for a server or a\n"
    "client with 1,000 connections.\n"
    "Exit status: 0 no problems, 1 coil works, with warnings (!), 2 coil can't work here (x);\n"
    "64 wrong usage, 70 the check itself failed.";

// Returns the width of the terminal. For a file or a pipe, returns 0, so that each finding is one line.
std::size_t width_of_output() {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

const char* conclusion(doctor::weight heaviest) {
    switch (heaviest) {
    case doctor::weight::well: return "No problems found.";
    case doctor::weight::warns: return "coil works here, with warnings: see the lines marked with !.";
    case doctor::weight::fatal: break;
    }
    return "coil can't work here: see the lines marked with x.";
}

int main(int argc, char** argv) try {
    const example::command_line given(argc, argv, purpose, {{"quiet", nullptr, "print only marked lines"}});
    std::vector<doctor::finding> findings = doctor::examine(doctor::survey());
    const doctor::weight heaviest = doctor::heaviest_of(findings);

    if (given.has("quiet")) {
        std::erase_if(findings, [](const doctor::finding& each) { return each.how == doctor::weight::well; });
        std::fputs(doctor::table(findings, width_of_output()).c_str(), stdout);
    } else {
        std::printf("coil %d.%d.%d\n\n%s\n%s\n", COIL_VERSION_MAJOR, COIL_VERSION_MINOR, COIL_VERSION_PATCH,
                    doctor::table(findings, width_of_output()).c_str(), conclusion(heaviest));
    }
    return static_cast<int>(heaviest);
} catch (...) {
    return example::explain_failure() == 2 ? wrong_usage : own_failure;
}
