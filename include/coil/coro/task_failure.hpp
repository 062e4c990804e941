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

namespace detail {

class environment;

}  // namespace detail

/// Describes the error that ended a task. Either no other task was waiting for this task, or this task is a
/// child of a group that continues without the child.
struct task_failure {
    std::exception_ptr exception;
    std::error_code code;             ///< the code of a std::system_error; empty for other exceptions
    std::source_location spawned_at;  ///< where co_spawn was called, or where the group was awaited
    std::source_location awaited_at;  ///< where the task's most recent co_await is
    std::string text;                 ///< the information above in one line; empty if memory ran out
    /// True if the task is a child of a group that continues without the child. If the context has no
    /// on_task_error handler, this failure is printed on stderr, and run() does not throw it.
    bool is_contained = false;
};

namespace detail {

/// Describes the failure of a task that ended with `exception`. The parameter `task` is the environment of
/// that task. The text begins with `which`, such as "a task spawned at".
task_failure describe_failure(std::exception_ptr exception, std::string_view which,
                              const std::source_location& spawned_at, const environment& task) noexcept;

}  // namespace detail

}  // namespace coil::COIL_ABI
