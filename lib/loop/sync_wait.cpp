// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/sync_wait.hpp>

namespace coil::COIL_ABI::detail {

void waited_run::run() {
    context_.run();
    if (!finished_)
        throw_failure(error::operation_aborted, "sync_wait");
}

}  // namespace coil::COIL_ABI::detail
