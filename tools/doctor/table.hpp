// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "doctor/findings.hpp"

namespace doctor {

/// Returns the findings as aligned text. The text is empty if there are no findings.
///
///       what              found      meaning or remedy
///     limits
///     ! RLIMIT_NOFILE     64 of 64   further connections have to wait; ...
///
/// Text beyond `width` is wrapped within its column. With width 0, each finding is one line.
[[nodiscard]] std::string table(const std::vector<finding>& findings, std::size_t width);

}  // namespace doctor
