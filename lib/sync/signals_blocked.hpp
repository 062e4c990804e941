// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <csignal>
#include <pthread.h>

namespace coil::COIL_ABI::detail {

/// While it lives, threads are started with all signals blocked but those that say what the thread itself did wrong, and the
/// profiler's: a program's signals are for its own threads.
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
