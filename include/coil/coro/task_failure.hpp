// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <exception>
#include <source_location>
#include <string>
#include <string_view>
#include <system_error>

namespace coil::COIL_ABI {

class environment;

/// What ended a task that nobody waits for, or whose group goes on without it.
struct task_failure {
    std::exception_ptr exception;
    std::error_code code;             ///< of a std::system_error; none for other exceptions
    std::source_location spawned_at;  ///< the co_spawn, or the co_await of the group
    std::source_location awaited_at;  ///< the task's latest co_await
    std::string text;                 ///< all of it in one line; empty if there is no memory for it
    /// A group goes on without the task: by default the report is a line on stderr.
    bool is_contained = false;
};

namespace detail {

/// Tells of a task that ended with `exception` in `task`. `which` begins the line: "a task spawned at".
task_failure describe_failure(std::exception_ptr exception, std::string_view which,
                              const std::source_location& spawned_at, const environment& task) noexcept;

}  // namespace detail

}  // namespace coil::COIL_ABI
