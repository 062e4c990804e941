// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/loop/io_context.hpp>

namespace coil::COIL_ABI {

/// An RAII object that exists while a thread is in run() or poll(). The constructor makes the thread the
/// context's owner. The destructor submits what is still queued.
class io_context::run_scope {
public:
    /// `call` is the name of the public function for error messages, such as "io_context::run".
    run_scope(io_context& context, const char* call);
    run_scope(const run_scope&) = delete;
    run_scope& operator=(const run_scope&) = delete;
    ~run_scope();

private:
    io_context& context_;
};

}  // namespace coil::COIL_ABI
