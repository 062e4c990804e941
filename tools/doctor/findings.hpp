// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "doctor/facts.hpp"

namespace doctor {

/// The severity of a finding. The highest severity becomes the exit status.
enum class weight { well = 0, warns = 1, fatal = 2 };

/// One line of the table.
struct finding {
    const char* group;
    std::string what;
    std::string found;
    std::string meaning;  // or the remedy
    weight how = weight::well;
};

/// Evaluates the facts about this machine for coil. The result depends only on the argument.
[[nodiscard]] std::vector<finding> examine(const facts& here);

[[nodiscard]] weight heaviest_of(const std::vector<finding>& findings) noexcept;

}  // namespace doctor
