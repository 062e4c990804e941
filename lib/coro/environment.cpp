// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/environment.hpp>

#include <cstdio>
#include <system_error>

#include <coil/base/error.hpp>

namespace coil::COIL_ABI::detail {
namespace {

constexpr unsigned aborts_max = 1000;

}  // namespace

void environment::request_stop() noexcept {
    scheduler_->require_thread("task: request_stop()");
    if (stop_requested())
        return;
    if (is_watched_)
        stop_.request_stop();
    else
        stop_.request_unwatched();
    if (awaiting_)
        awaiting_->stop();
}

bool environment::ended_stopped(const std::exception_ptr& exception) const noexcept {
    if (!exception || !stop_requested())
        return false;
    try {
        std::rethrow_exception(exception);
    } catch (const std::system_error& failure) {
        return failure.code() == error::operation_aborted;
    } catch (...) {
        return false;
    }
}

bool awaited::refuse() noexcept {
    if (++environment_->aborts_ == aborts_max) {
        const auto& where = environment_->where();
        char mistake[512];
        std::snprintf(mistake, sizeof mistake,
                      "a stopped task has awaited %u times since it was stopped, last at %s:%u: it catches "
                      "operation_aborted and goes on; let it end",
                      aborts_max, where.file_name(), static_cast<unsigned>(where.line()));
        report_mistake(mistake);
    }
    return true;
}

}  // namespace coil::COIL_ABI::detail
