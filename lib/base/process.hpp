// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <atomic>

namespace coil::COIL_ABI {

/// A number that identifies the process. It changes in a child of fork(2), so that it differs from the
/// numbers of all ancestors. For example, an object that owns threads uses the number to detect a fork,
/// because a child does not inherit the threads. vfork(2) and a bare clone(2) do not change the number.
///
///     if (process_ != this_process::number()) ...    // a load and a comparison; no system call
class this_process {
public:
    [[nodiscard]] static unsigned number() noexcept { return number_.load(std::memory_order_relaxed); }
    /// Starts counting forks. Call it in the constructor of each object that uses number(). Best effort: if
    /// memory runs out, forks are not counted.
    static void count_forks() noexcept;

private:
    static std::atomic<unsigned> number_;
};

}  // namespace coil::COIL_ABI
