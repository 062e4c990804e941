// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <atomic>

namespace coil::COIL_ABI {

/// A number of this process that differs from those of its parent and of all further ancestors by fork(2).
/// For objects that own threads: a child has none of its parent's. vfork(2) and a bare clone(2) are not
/// counted.
///
///     if (process_ != this_process::number()) ...    // a load and a comparison; no system call
class this_process {
public:
    [[nodiscard]] static unsigned number() noexcept { return number_.load(std::memory_order_relaxed); }
    /// Begins to count: for the constructors of those who ask. Best effort: without memory no fork is
    /// counted.
    static void count_forks() noexcept;

private:
    static std::atomic<unsigned> number_;
};

}  // namespace coil::COIL_ABI
