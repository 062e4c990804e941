// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A dropped completer breaks its promise immediately.
// first: keep it

#include <coil/sync/one_shot.hpp>

void prepare(coil::one_shot<int>& answer) {
#ifdef COIL_MUST_NOT_COMPILE
    answer.get_completer();
#else
    answer.get_completer().set_value(1);
#endif
}
