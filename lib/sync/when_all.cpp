// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/when_all.hpp>

namespace coil::COIL_ABI::detail {

void when_all_operation::ended(std::size_t index) noexcept {
    const branch_base& branch = at(index);
    if (!branch.has_failed())
        return;
    // An exception of another type replaces a std::system_error, because the std::system_error may be a
    // consequence of that exception.
    if (failed_ == no_branch || (branch.has_bug() && !at(failed_).has_bug()))
        failed_ = index;
    stop_all();
}

}  // namespace coil::COIL_ABI::detail
