// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/loop/io_context.hpp>

namespace coil::COIL_ABI {

/// RAII: the time that a thread spends in run() or poll(). The constructor makes the thread the owner of the
/// context, the destructor submits what is still queued.
class io_context::run_scope {
public:
    /// `call` is the public function, for error texts: "io_context::run".
    run_scope(io_context& context, const char* call);
    run_scope(const run_scope&) = delete;
    run_scope& operator=(const run_scope&) = delete;
    ~run_scope();

private:
    io_context& context_;
};

}  // namespace coil::COIL_ABI
