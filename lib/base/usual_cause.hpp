// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <string_view>

namespace coil::COIL_ABI {

/// Properties of a socket that help to determine why a system call on the socket failed.
struct call_subject {
    int family = 0;
    int port = -1;  ///< -1 if unknown
    int type = 0;
    int protocol = 0;
};

/// Returns a text with the usual cause of a system call's error and the remedy, such as " (the acceptor does
/// not listen: call listen() before accept())". The caller appends this text to the name of the call. The
/// text is empty if the error has several usual causes, or if the kernel's own text is sufficient. `call` is
/// the name of a socket call, such as "accept".
[[nodiscard]] const char* usual_cause(std::string_view call, int error, const call_subject& of = {}) noexcept;

}  // namespace coil::COIL_ABI
