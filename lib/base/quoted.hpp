// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <string>
#include <string_view>

namespace coil::COIL_ABI {

/// Somebody's text, fit for an error message: in quotes, unprintable bytes as \x00, cut after 80 bytes.
std::string quoted(std::string_view text);

}  // namespace coil::COIL_ABI
