// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The permit would be released before the block begins.
// first: name_the_permit

#include <coil/sync/semaphore.hpp>

void work();

void work_if_there_is_room(coil::semaphore& places) {
#ifdef COIL_MUST_NOT_COMPILE
    if (places.try_acquire_permit())
#else
    if (auto permit = places.try_acquire_permit())
#endif
        work();
}
