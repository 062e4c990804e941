// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// What this kernel offers, what coil uses of it, and which limits will bite: `./dev doctor`.

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

// 1 and 2 are findings, so what else goes wrong has the numbers of sysexits.h.
constexpr int wrong_usage = 64;
constexpr int own_failure = 70;

constexpr const char* purpose =
    "Tells what this kernel offers, what coil uses of it, and which limits will bite: as a server or a client of a\n"
    "thousand connections would see them.\n"
    "Exit status: 0 all is well, 1 coil works but something will bite (!), 2 coil can't work here (x);\n"
    "64 wrong usage, 70 it could not look.";

// Of a terminal. What goes into a file or another program is not wrapped: a line is a finding there.
std::size_t width_of_output() {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

const char* conclusion(doctor::weight heaviest) {
    switch (heaviest) {
    case doctor::weight::well: return "All is well.";
    case doctor::weight::bites: return "coil works here. What is marked with ! will bite.";
    case doctor::weight::fatal: break;
    }
    return "coil can't work here: see what is marked with x.";
}

int main(int argc, char** argv) try {
    const example::command_line given(argc, argv, purpose, {{"quiet", nullptr, "print only what is marked"}});
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
