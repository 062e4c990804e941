// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

namespace coil::COIL_ABI {

/// The kernel interface on which an io_context runs. Operations have the same results on both engines. On
/// epoll, each operation costs a system call, a read or write of a regular file runs on the context's thread,
/// and O_NONBLOCK is set on the stream sockets that coil opens.
enum class io_engine : unsigned char {
    automatic,  ///< "auto": io_uring if this system allows it, otherwise epoll
    io_uring,   ///< io_uring; needs Linux 6.1
    epoll,      ///< epoll; needs Linux 4.18
};

/// Returns the name of the engine, as in COIL_ENGINE.
[[nodiscard]] constexpr const char* to_string(io_engine engine) noexcept {
    switch (engine) {
    case io_engine::io_uring: return "io_uring";
    case io_engine::epoll: return "epoll";
    case io_engine::automatic: break;
    }
    return "auto";
}

}  // namespace coil::COIL_ABI
