// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The lock would be released before the block begins.
// first: name_the_lock

#include <coil/sync/mutex.hpp>

void work();

void work_alone(coil::mutex& door) {
#ifdef COIL_MUST_NOT_COMPILE
    if (door.try_lock())
#else
    if (auto lock = door.try_lock())
#endif
        work();
}
