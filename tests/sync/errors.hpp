// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <system_error>

namespace coil::test {

// Errors that tests make operations fail with.
inline const auto broken = std::make_error_code(std::errc::broken_pipe);
inline const auto refused = std::make_error_code(std::errc::connection_refused);

}  // namespace coil::test
