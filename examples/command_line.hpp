// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <getopt.h>

#include <coil/base/address.hpp>

/// Code shared by all example programs: the command line and the exit status.
namespace example {

/// Thrown if the program is used incorrectly.
class usage_error : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// An option, written `--name VALUE`, with its help text and its default. An option without a VALUE is a
/// flag.
struct option {
    const char* name;
    const char* value;  // null for a flag
    const char* meaning;
    std::string otherwise = "";
    bool needs_no_name = false;  // the value may be given without the name, in this order
};

/// A program's options. The parser is strict: if the options are wrong, it throws a usage_error that says
/// what was expected.
///
///     const example::command_line given(argc, argv, "Echoes.", {{"port", "N", "port of the server", "80"}});
///     given.number("port", 0, 65535);
///
/// With --help, the constructor prints the help and ends the program.
class command_line {
public:
    command_line(int argc, char** argv, const char* purpose, std::vector<option> options);

    /// Returns whether a flag was given.
    [[nodiscard]] bool has(std::string_view name) const { return !text(name).empty(); }
    [[nodiscard]] std::size_t number(std::string_view name, std::size_t least, std::size_t most) const;
    [[nodiscard]] std::uint16_t port(std::string_view name, std::uint16_t least) const;
    [[nodiscard]] std::chrono::milliseconds milliseconds(std::string_view name) const;
    [[nodiscard]] coil::ip::address address(std::string_view name) const;
    /// Returns a host name or an address.
    [[nodiscard]] const std::string& host(std::string_view name) const;
    /// Returns the value exactly as it was given.
    [[nodiscard]] const std::string& text(std::string_view name) const;

private:
    void help(const char* purpose) const;
    [[nodiscard]] std::string words_expected() const;

    std::vector<option> options_;
};

/// Call this in main's `catch (...)`. Prints the failure to stderr in one line and returns the exit status.
///
///     1   runtime failure, such as a port in use or a closed connection
///     2   incorrect use of the program
///     6   the kernel refuses io_uring
[[nodiscard]] int explain_failure() noexcept;

// Implementation

/// Called at exit. Ends the program with status 1 if some output could not be written to stdout, for example
/// to a full disk or a closed pipe.
inline void fail_if_stdout_is_incomplete() noexcept {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0)
        return;
    std::fprintf(stderr, "%s: cannot write all output to standard output\n", program_invocation_short_name);
    std::_Exit(1);
}

inline command_line::command_line(int argc, char** argv, const char* purpose, std::vector<option> options)
    : options_(std::move(options)) {
    std::atexit([] { fail_if_stdout_is_incomplete(); });
    std::vector<::option> known;
    for (const option& each: options_)
        known.push_back({each.name, each.value ? required_argument : no_argument, nullptr, 0});
    known.push_back({"help", no_argument, nullptr, 'h'});
    known.push_back({});

    opterr = 0;  // getopt prints nothing
    for (int index = 0;;) {
        const int found = getopt_long(argc, argv, ":h", known.data(), &index);
        if (found == -1)
            break;
        if (found == 'h') {
            help(purpose);
            std::exit(0);
        }
        if (found == ':')
            throw usage_error(std::string(argv[optind - 1]) + " wants a value");
        if (found == '?') {
            const std::string_view word = argv[optind - 1];
            throw usage_error("unknown option " + (word.starts_with("--")
                                                       ? std::string(word)
                                                       : std::string("-") + static_cast<char>(optopt)));
        }
        options_[static_cast<std::size_t>(index)].otherwise = optarg ? optarg : "yes";
    }
    for (option& each: options_)
        if (each.needs_no_name && optind < argc)
            each.otherwise = argv[optind++];
    if (optind < argc)
        throw usage_error("unexpected argument '" + std::string(argv[optind]) + "'; " + words_expected());
}

inline std::string command_line::words_expected() const {
    std::string words;
    for (const option& each: options_)
        if (each.needs_no_name)
            words += " " + std::string(each.value);
    return words.empty() ? "only options are expected" : "only options are expected besides" + words;
}

inline const std::string& command_line::text(std::string_view name) const {
    for (const option& each: options_)
        if (each.name == name)
            return each.otherwise;
    throw std::logic_error("no option --" + std::string(name));
}

inline std::size_t command_line::number(std::string_view name, std::size_t least, std::size_t most) const {
    const std::string& given = text(name);
    const char* end = given.data() + given.size();
    std::size_t value = 0;
    const auto read = std::from_chars(given.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end || value < least || value > most)
        throw usage_error("--" + std::string(name) + " wants a number from " + std::to_string(least) +
                          " to " + std::to_string(most) + ", not \"" + given + "\"");
    return value;
}

inline std::uint16_t command_line::port(std::string_view name, std::uint16_t least) const {
    return static_cast<std::uint16_t>(number(name, least, 65535));
}

inline std::chrono::milliseconds command_line::milliseconds(std::string_view name) const {
    return std::chrono::milliseconds(number(name, 1, 24 * 60 * 60 * 1000));
}

inline coil::ip::address command_line::address(std::string_view name) const {
    const std::string& given = text(name);
    std::error_code error;
    const auto address = coil::ip::make_address(given, error);
    if (error)
        throw usage_error("--" + std::string(name) + " wants an address such as 127.0.0.1 or ::1, not \"" +
                          given + "\"");
    return address;
}

inline const std::string& command_line::host(std::string_view name) const {
    const std::string& given = text(name);
    if (given.empty())
        throw usage_error("--" + std::string(name) + " wants a name such as localhost, or an address");
    return given;
}

inline void command_line::help(const char* purpose) const {
    std::printf("usage: %s [options]", program_invocation_short_name);
    for (const option& each: options_)
        if (each.needs_no_name)
            std::printf(" [%s]", each.value);
    std::printf("\n%s\n\n", purpose);
    for (const option& each: options_) {
        if (!each.value) {
            std::printf("  --%-18s  %s\n", each.name, each.meaning);
            continue;
        }
        const std::string left = std::string(each.name) + " " + each.value;
        const std::string otherwise = each.otherwise.empty() ? "" : " (default: " + each.otherwise + ")";
        std::printf("  --%-18s  %s%s\n", left.c_str(), each.meaning, otherwise.c_str());
    }
    std::printf("  --%-18s  print this\n", "help");
}

inline int explain_failure() noexcept {
    const char* program = program_invocation_short_name;
    try {
        throw;
    } catch (const usage_error& failure) {
        std::fprintf(stderr, "%s: %s (see --help)\n", program, failure.what());
        return 2;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "%s: %s\n", program, failure.what());
        // The message from io_context begins with this text if the kernel refuses a ring. The cause and the
        // remedy follow.
        return std::string_view(failure.what()).starts_with("io_uring is not available") ? 6 : 1;
    }
}

}  // namespace example
