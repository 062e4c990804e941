// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <string>
#include <string_view>

namespace coil::COIL_ABI {

/// Formats untrusted text for an error message: adds quotes, writes unprintable bytes in hexadecimal, such as
/// \x0a, and truncates the text after 80 bytes.
std::string quoted(std::string_view text);

}  // namespace coil::COIL_ABI
