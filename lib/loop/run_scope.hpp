// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/loop/event_loop.hpp>

namespace coil::COIL_ABI::detail {

/// An RAII object that exists while a thread is in run() or poll(). The constructor makes the thread the
/// context's owner. The destructor submits the SQEs that are still queued.
class event_loop::run_scope {
public:
    /// `call` is the name of the public function for error messages, such as "io_context::run".
    run_scope(event_loop& context, const char* call);
    run_scope(const run_scope&) = delete;
    run_scope& operator=(const run_scope&) = delete;
    ~run_scope();

private:
    event_loop& context_;
};

}  // namespace coil::COIL_ABI::detail
