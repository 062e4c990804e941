// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/when_all.hpp>

namespace coil::COIL_ABI {

void when_all_operation::ended(std::size_t index) noexcept {
    const branch_base& branch = at(index);
    if (!branch.has_failed())
        return;
    // A bug goes before a failure of the world, which may be its consequence.
    if (failed_ == nobody || (branch.has_bug() && !at(failed_).has_bug()))
        failed_ = index;
    stop_all();
}

}  // namespace coil::COIL_ABI
