// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "doctor/findings.hpp"

namespace doctor {

/// The findings as text, aligned; nothing where there are none.
///
///       what              found      meaning or remedy
///     limits
///     ! RLIMIT_NOFILE     64 of 64   further connections have to wait; ...
///
/// What is longer than `width` goes on below, in its column. 0: a line is a finding.
[[nodiscard]] std::string table(const std::vector<finding>& findings, std::size_t width);

}  // namespace doctor
