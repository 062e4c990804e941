// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/sigpipe_guard.hpp"

#include <cerrno>
#include <ctime>
#include <unistd.h>

namespace coil::COIL_ABI::ring {
namespace {

bool is_pending() noexcept {
    sigset_t pending;
    return ::sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

// Returns true if a system call by this process raised the signal. The kernel then sets SI_USER and our pid.
bool is_ours(const siginfo_t& info) noexcept { return info.si_code == SI_USER && info.si_pid == ::getpid(); }

}  // namespace

sigpipe_guard::sigpipe_guard() noexcept {
    sigset_t before;
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before);
    was_blocked_ = sigismember(&before, SIGPIPE) == 1;
    was_pending_ = was_blocked_ && is_pending();  // an unblocked signal would have been delivered
}

sigpipe_guard::~sigpipe_guard() {
    const int error = errno;
    if (!was_pending_) {
        const timespec at_once{};
        siginfo_t info{};
        int taken;
        do
            taken = ::sigtimedwait(&sigpipe_, &info, &at_once);
        while (taken < 0 && errno == EINTR);
        if (taken == SIGPIPE && !is_ours(info))
            ::raise(SIGPIPE);  // stays pending until it is unblocked
    }
    if (!was_blocked_)
        ::pthread_sigmask(SIG_UNBLOCK, &sigpipe_, nullptr);
    errno = error;
}

}  // namespace coil::COIL_ABI::ring
