// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/task.hpp>

namespace coil::COIL_ABI::detail {

void check_not_destroyed(const environment& task, std::coroutine_handle<> thrower) noexcept {
    if (!task.innermost_task() || task.innermost_task()->frame_ != thrower)
        destructor_threw();
}

void destructor_threw() noexcept {
    const char* what = "an exception that is not a std::exception";
    try {
        throw;
    } catch (const std::exception& failure) {
        precondition_failed(
            "task: a destructor threw while its coroutine was destroyed; destructors must not throw",
            failure.what());
    } catch (...) {
        precondition_failed(
            "task: a destructor threw while its coroutine was destroyed; destructors must not throw", what);
    }
}

}  // namespace coil::COIL_ABI::detail
