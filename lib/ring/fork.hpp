// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <mutex>

namespace coil::COIL_ABI::ring {

class ring;

/// What fork(2) does to rings. A child inherits the descriptors of its parent's rings, but not their memory
/// (MADV_DONTFORK), and it must not use them: its SQEs would be submitted to the parent's ring, and an open
/// descriptor keeps that ring, and all that is in flight in it, alive after the parent has closed it.
///
///     fork(2)  in the child: every ring of the process closes its descriptors, and has no slots and no completions
///              from then on (ring::forget)
///
/// So nothing on the loop's path has to ask in which process it is. vfork(2) and posix_spawn(3) are not seen,
/// and need not be: the descriptors are closed by the exec. A bare clone(2) is not seen either.
class forks {
public:
    /// Held while a ring gets or loses its descriptors, so that no fork happens in between.
    static std::mutex& lock() noexcept;

    /// Throws std::system_error if there is no memory for the handlers.
    static void add(ring& made);
    static void remove(ring& gone) noexcept;

private:
    static void forget_all() noexcept;
};

}  // namespace coil::COIL_ABI::ring
