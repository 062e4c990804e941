// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "doctor/facts.hpp"

namespace doctor {

/// How much a finding matters. The heaviest is the exit status.
enum class weight { well = 0, bites = 1, fatal = 2 };

/// One line of the table.
struct finding {
    const char* group;
    std::string what;
    std::string found;
    std::string meaning;  // or the remedy
    weight how = weight::well;
};

/// What the facts mean for coil. Depends on nothing but its argument.
[[nodiscard]] std::vector<finding> examine(const facts& here);

[[nodiscard]] weight heaviest_of(const std::vector<finding>& findings) noexcept;

}  // namespace doctor
