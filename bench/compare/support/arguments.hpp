// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace compare {

/// A command-line argument `--name` and its default value. If the default is "no", the argument is a flag
/// without a value on the command line, and its presence sets the value to "yes".
struct argument {
    std::string_view name;
    std::string value;
    const char* meaning;
};

/// A program's command-line arguments. Parsing is strict: an invalid argument throws an exception whose text
/// says what is wrong.
class arguments {
public:
    /// `words` contains the arguments after the program name.
    arguments(const std::vector<std::string_view>& words, std::vector<argument> known)
        : known_(std::move(known)) {
        for (std::size_t i = 0; i < words.size(); ++i) {
            if (words[i] == "--help")
                help();
            argument& found = find(words[i]);
            if (found.value == "no")
                found.value = "yes";
            else if (++i < words.size())
                found.value = words[i];
            else
                throw std::invalid_argument(std::string(words[i - 1]) + " needs a value");
        }
    }
    arguments(int argc, char** argv, std::vector<argument> known)
        : arguments(std::vector<std::string_view>(argv + 1, argv + argc), std::move(known)) {}

    [[nodiscard]] const std::string& text(std::string_view name) const {
        for (const argument& each: known_)
            if (each.name == name)
                return each.value;
        throw std::logic_error("no argument " + std::string(name));
    }

    [[nodiscard]] bool given(std::string_view name) const { return text(name) == "yes"; }

    template <class Number = std::size_t>
    [[nodiscard]] Number number(std::string_view name, std::type_identity_t<Number> least,
                                std::type_identity_t<Number> most) const {
        const std::string& value = text(name);
        Number number{};
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (error != std::errc() || end != value.data() + value.size() ||
            !(number >= least && number <= most))
            throw std::invalid_argument(std::string(name) + " must be a number from " +
                                        std::to_string(least) + " to " + std::to_string(most) + ", not \"" +
                                        value + "\"");
        return number;
    }

    [[nodiscard]] std::uint16_t port(unsigned least = 0) const {
        return static_cast<std::uint16_t>(number<unsigned>("--port", least, 65535));
    }

private:
    argument& find(std::string_view word) {
        for (argument& each: known_)
            if (each.name == word)
                return each;
        throw std::invalid_argument("unknown argument " + std::string(word) + " (see --help)");
    }

    [[noreturn]] void help() const {
        for (const argument& each: known_)
            std::printf("  %-14s  %s (default: %s)\n", std::string(each.name).c_str(), each.meaning,
                        each.value.c_str());
        std::exit(0);
    }

    std::vector<argument> known_;
};

}  // namespace compare
