// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/task_failure.hpp>

#include <utility>

#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI {
namespace {

std::string place_of(const std::source_location& where) {
    std::string_view file = where.file_name();
    file.remove_prefix(file.rfind('/') + 1);
    return std::string(file) + ":" + std::to_string(where.line());
}

}  // namespace

task_failure detail::describe_failure(std::exception_ptr exception, std::string_view which,
                                      const std::source_location& spawned_at,
                                      const detail::environment& task) noexcept {
    task_failure failure{std::move(exception), {}, spawned_at, task.where(), {}};
    const auto describe = [&](const char* what) noexcept {
        try {
            std::string text(which);
            text += " " + place_of(spawned_at) + " ended with an error";
            if (failure.awaited_at.line() > 0)
                text += " at " + place_of(failure.awaited_at);
            failure.text = text + ": " + what;
        } catch (const std::exception&) {
            failure.text = {};  // out of memory, so report the exception and the code without text
        }
    };
    try {
        std::rethrow_exception(failure.exception);
    } catch (const std::system_error& error) {
        failure.code = error.code();
        describe(error.what());
    } catch (const std::exception& error) {
        describe(error.what());
    } catch (...) {
        describe("an exception that is not a std::exception");
    }
    return failure;
}

}  // namespace coil::COIL_ABI
