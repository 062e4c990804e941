// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <sys/socket.h>

#include <coil/version.hpp>

namespace coil::COIL_ABI {

/// Formats an address of any family for an error message, as to_string() of the family's endpoint class does.
std::string address_text(const void* address, socklen_t size);

}  // namespace coil::COIL_ABI
