// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <sys/socket.h>

#include <coil/version.hpp>

namespace coil::COIL_ABI {

/// An address of any family, for the text of an error, as its endpoint writes it.
std::string address_text(const void* address, socklen_t size);

}  // namespace coil::COIL_ABI
