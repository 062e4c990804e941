// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/when_any.hpp>

namespace coil::COIL_ABI::detail {

// A branch that ended because it was stopped cannot win.
void when_any_operation::ended(std::size_t index) noexcept {
    if (winner_ != no_branch || at(index).was_stopped())
        return;
    winner_ = index;
    stop_all();
}

std::error_code when_any_operation::failure() const {
    rethrow_bug();
    if (winner_ != no_branch)
        return {};
    return count() == 0 ? error::not_found : error::operation_aborted;
}

void when_any_operation::rethrow_failure() const {
    if (const auto error = failure())
        throw_failure(error, "when_any");
}

void first_success_operation::ended(std::size_t index) noexcept {
    const branch_base& branch = at(index);
    if (branch.has_failed()) {
        if (failed_ == no_branch || !branch.was_stopped())
            failed_ = index;
        if (branch.has_bug())
            stop_all();
    } else if (winner_ == no_branch) {
        winner_ = index;
        stop_all();
    }
}

std::error_code first_success_operation::failure() const {
    rethrow_bug();
    if (winner_ != no_branch)
        return {};
    return failed_ == no_branch ? make_error_code(error::not_found) : at(failed_).error();
}

void first_success_operation::rethrow_failure() const {
    const auto error = failure();
    if (!error)
        return;
    if (failed_ != no_branch)
        at(failed_).rethrow();
    throw_failure(error, "first_success");
}

}  // namespace coil::COIL_ABI::detail
