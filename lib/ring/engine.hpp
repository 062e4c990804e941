// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <string>
#include <string_view>

#include <coil/base/io_engine.hpp>
#include <coil/base/owned.hpp>

#include "ring/diagnosis.hpp"
#include "ring/kernel.hpp"
#include "ring/uring_kernel.hpp"

namespace coil::COIL_ABI::ring {

/// An engine, and one line that says why it was chosen.
struct engine_choice {
    io_engine engine;  // never `automatic`
    std::string reason;
};

/// Returns the engine for a context that asks for `wanted`. If `wanted` is `automatic`, the environment
/// variable COIL_ENGINE decides. If the variable is not set, the engine is io_uring, unless this system
/// refuses it: a seccomp profile, a sysctl or a security module forbids io_uring, or the kernel is too old. A
/// lack of memory or descriptors does not lead to epoll; the context then fails.
///
/// The choice for `automatic` is made once per process, so all contexts run on the same engine. Throws
/// std::system_error if COIL_ENGINE has a wrong value, or if io_uring cannot be tried. Thread-safe.
[[nodiscard]] const engine_choice& choose_engine(io_engine wanted);

/// Returns the engine that the value of COIL_ENGINE names. Throws std::system_error if there is none with
/// this name.
[[nodiscard]] io_engine engine_named(std::string_view value);

/// Chooses an engine by the result of uring_kernel::probe(). Throws std::system_error with a diagnosis if the
/// error is a lack of resources.
[[nodiscard]] engine_choice choose_by(const refusal& found, const circumstances& around);

/// Makes the kernel for an engine, which must not be `automatic`.
[[nodiscard]] detail::owned<kernel> make_kernel(io_engine engine);

}  // namespace coil::COIL_ABI::ring
