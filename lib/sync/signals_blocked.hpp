// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <csignal>
#include <pthread.h>

namespace coil::COIL_ABI::detail {

/// Blocks signals on the calling thread while this object exists (RAII), so that threads started during that
/// time inherit the mask. A program's signals should be delivered to its own threads, not to coil's. The
/// signals for faults in the thread itself, and the profiler's SIGPROF, are not blocked.
class signals_blocked {
public:
    signals_blocked() noexcept {
        sigset_t most;
        sigfillset(&most);
        for (const int number: {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF})
            sigdelset(&most, number);
        pthread_sigmask(SIG_SETMASK, &most, &former_);
    }
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;
    ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &former_, nullptr); }

private:
    sigset_t former_{};
};

}  // namespace coil::COIL_ABI::detail
