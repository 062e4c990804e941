// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "support/story.hpp"

#include <system_error>

#include <gtest/gtest.h>

#include <coil/loop/co_spawn.hpp>

namespace coil_tests {

void story::run(coil::io_context& context, std::optional<coil::time_point::duration> limit,
                std::source_location where, const std::function<bool()>& was_refused) {
    context.on_task_error([](const coil::task_failure& failure) { ADD_FAILURE() << failure.text; });
    context.restart();
    coil::co_spawn(context, follow(), coil::detached);
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
    if (!ended_ && !context.stopped())
        ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line()))
            << "the story did not end: it " << situation();
}

coil::task<> story::follow() {
    task_ = &co_await coil::test::own_environment;
    co_await call_(body_);
    ended_ = true;
    task_ = nullptr;
}

std::string story::situation() const {
    if (!task_)
        return "ended with an error";
    const auto& line = task_->where();
    const std::string place = std::string(line.file_name()) + ":" + std::to_string(line.line());
    return task_->awaiting() ? "waits for: " + task_->awaiting()->describe() + ", at " + place
                             : "is ready to continue at " + place;
}

}  // namespace coil_tests
