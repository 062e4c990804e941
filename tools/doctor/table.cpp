// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "doctor/table.hpp"

#include <algorithm>
#include <string_view>

namespace doctor {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t narrowest = 24;  // text is not wrapped if the last column would be narrower

const char* mark_of(weight how) noexcept {
    switch (how) {
    case weight::well: return "  ";
    case weight::warns: return "! ";
    case weight::fatal: break;
    }
    return "x ";
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(text.size(), width) + gap, ' ');
    return text;
}

// Breaks lines at spaces. Continuation lines begin at column `left`.
std::string wrapped(std::string_view text, std::size_t left, std::size_t width) {
    if (width < left + narrowest)
        return std::string(text);
    const std::size_t room = width - left;
    std::string lines;
    while (text.size() > room) {
        std::size_t end = text.rfind(' ', room);
        if (end == std::string_view::npos)
            end = text.find(' ', room);
        if (end == std::string_view::npos)
            break;
        lines += std::string(text.substr(0, end)) + '\n' + std::string(left, ' ');
        text.remove_prefix(end + 1);
    }
    return lines + std::string(text);
}

}  // namespace

std::string table(const std::vector<finding>& findings, std::size_t width) {
    if (findings.empty())
        return "";
    const finding heading{"", "what", "found", "meaning or remedy"};
    std::size_t what = heading.what.size();
    std::size_t found = heading.found.size();
    for (const finding& each: findings) {
        what = std::max(what, each.what.size());
        found = std::max(found, each.found.size());
    }

    std::string text;
    const auto add = [&](const finding& each) {
        const std::string left = mark_of(each.how) + padded(each.what, what) + padded(each.found, found);
        text += left + wrapped(each.meaning, left.size(), width) + '\n';
    };
    add(heading);
    std::string_view group;
    for (const finding& each: findings) {
        if (group != each.group) {
            group = each.group;
            text.append(group).append("\n");
        }
        add(each);
    }
    return text;
}

}  // namespace doctor
