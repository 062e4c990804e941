// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A completer that is dropped breaks its promise.
// first: keep_the_completer

#include <utility>

#include <coil/sync/one_shot.hpp>

bool promise(coil::one_shot<int>& answer) {
#ifdef COIL_MUST_NOT_COMPILE
    return answer.get_completer() ? true : false;
#else
    auto completer = answer.get_completer();
    return completer ? true : false;
#endif
}
