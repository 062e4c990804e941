// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <string_view>

namespace coil::COIL_ABI {

/// What a system call was about, as far as its error depends on it.
struct call_subject {
    int family = 0;
    int port = -1;  ///< -1: unknown
    int type = 0;
    int protocol = 0;
};

/// The usual cause of a system call's error and the remedy, to follow the call in a text:
/// " (the acceptor does not listen: call listen() before accept())". Empty if the error has several usual causes, or the
/// kernel's own text says it all. `call` is a name of the socket interface: "accept".
[[nodiscard]] const char* usual_cause(std::string_view call, int error, const call_subject& of = {}) noexcept;

}  // namespace coil::COIL_ABI
