// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/loop/io_context.hpp>

namespace coil::COIL_ABI {

/// The time that a thread spends in run() or poll(): it makes the context this thread's, and at the end leaves nothing
/// unsubmitted.
class io_context::attendance {
public:
    /// `call` is the public function, for error texts: "io_context::run".
    attendance(io_context& context, const char* call);
    attendance(const attendance&) = delete;
    attendance& operator=(const attendance&) = delete;
    ~attendance();

private:
    io_context& context_;
};

}  // namespace coil::COIL_ABI
