// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <system_error>
#include <utility>

#include <gtest/gtest.h>

#include <coil/coro/environment.hpp>
#include <coil/coro/task.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>

namespace coil::test {

/// `co_await own_environment` returns the task's environment. A test can use it to request a stop, or to see
/// which operation the task is awaiting.
struct environment_operation {
    detail::environment* task;

    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    outcome<detail::environment*> await_outcome() const noexcept { return task; }
    detail::environment& await_resume() const noexcept { return *task; }
};
struct environment_description {
    environment_operation operation_in(detail::environment& task) const noexcept { return {&task}; }
};
inline constexpr environment_description own_environment{};

/// A story is a function that returns a task<>. It runs on a context until the context has no more work. If
/// an error ends the story or a detached task, the test fails. If a scripted failure has made the context's
/// run() throw, run() is called once more.
class story {
public:
    template <class F>
    static void run(io_context& context, F& body, std::optional<time_point::duration> limit,
                    std::source_location where, const std::function<bool()>& was_refused = nullptr) {
        story state;
        context.on_task_error([](const task_failure& failure) { ADD_FAILURE() << failure.text; });
        context.restart();
        co_spawn(context, state.follow(body), detached);
        if (limit)
            context.run_for(*limit);
        else
            try {
                context.run();
            } catch (const std::system_error&) {
                if (!was_refused || !was_refused())
                    throw;
                context.restart();
                context.run();
            }
        if (!state.ended_ && !context.stopped())
            ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line()))
                << "the story did not end: it " << state.situation();
    }

private:
    template <class F>
    task<> follow(F& body) {
        task_ = &co_await own_environment;
        co_await body();
        ended_ = true;
        task_ = nullptr;
    }

    [[nodiscard]] std::string situation() const {
        if (!task_)
            return "ended with an error";
        const auto& line = task_->where();
        const std::string place = std::string(line.file_name()) + ":" + std::to_string(line.line());
        return task_->awaiting() ? "waits for: " + task_->awaiting()->describe() + ", at " + place
                                 : "is ready to continue at " + place;
    }

    detail::environment* task_ = nullptr;
    bool ended_ = false;
};

}  // namespace coil::test
