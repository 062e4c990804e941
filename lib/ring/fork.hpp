// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <mutex>

namespace coil::COIL_ABI::ring {

class ring;

/// Handles fork(2) for all rings. A child inherits the descriptors of its parent's rings but not their memory
/// (MADV_DONTFORK). The child must not use these descriptors, because its SQEs would be submitted to the
/// parent's ring. It must not keep them open either. An open descriptor would keep the ring, and everything
/// in flight in the ring, alive after the parent has closed it.
///
///     fork(2)  in the child, every ring of the process closes its descriptors, and from then on has no slots
///              and no completions (ring::forget)
///
/// The event loop therefore never has to check in which process it runs. vfork(2) and posix_spawn(3) are not
/// detected, and need not be, because exec closes the descriptors. A bare clone(2) is not detected either.
class forks {
public:
    /// Returns the lock that is held while a ring opens or closes its descriptors, so that no fork can happen
    /// at that time.
    static std::mutex& lock() noexcept;

    /// Throws std::system_error if the handlers cannot be registered.
    static void add(ring& made);
    static void remove(ring& gone) noexcept;

    /// Returns the number of forks so far. A descriptor that was open at a fork has a duplicate in the child.
    [[nodiscard]] static unsigned count() noexcept;

private:
    static void forget_all() noexcept;
};

}  // namespace coil::COIL_ABI::ring
