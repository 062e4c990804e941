// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>

#include <coil/loop/timers.hpp>

namespace coil::COIL_ABI::detail {

class operation;

/// Submits a paused operation again when the pause is over. Each operation that retries contains a
/// retry_timer, which `operation::pause` arms.
class retry_timer final : public timer_entry {
public:
    explicit retry_timer(operation& retried) noexcept : retried_(&retried) {}
    std::coroutine_handle<> run() noexcept override;

private:
    operation* retried_;
};

}  // namespace coil::COIL_ABI::detail
