// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>

#include <coil/coro/environment.hpp>
#include <coil/coro/task.hpp>
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

}  // namespace coil::test

// The class `story` needs one linker name in all sources, because its functions are defined in story.cpp. The
// namespace coil::test does not guarantee that: in a source that opens coil::test before it includes
// <coil/test/stream_pair.hpp>, coil::test is a namespace outside coil::v0_1.
namespace coil_tests {

/// A story is a function that returns a task<>. It runs on a context until the context has no more work. If
/// an error ends the story or a detached task, the test fails. If a scripted failure has made the context's
/// run() throw, run() is called once more.
///
/// Each story instantiates only one function, the lambda below, because about 2,000 tests have a story.
class story {
public:
    /// Borrows the function, which must outlive the story.
    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, story>)
    story(F&& body) noexcept
        : body_(const_cast<void*>(static_cast<const void*>(std::addressof(body)))),
          call_([](void* function) -> coil::task<> {
              return (*static_cast<std::remove_reference_t<F>*>(function))();
          }) {}

    void run(coil::io_context& context, std::optional<coil::time_point::duration> limit,
             std::source_location where, const std::function<bool()>& was_refused = nullptr);

private:
    coil::task<> follow();
    [[nodiscard]] std::string situation() const;

    void* body_;
    coil::task<> (*call_)(void*);
    coil::detail::environment* task_ = nullptr;
    bool ended_ = false;
};

}  // namespace coil_tests

namespace coil::test {
using coil_tests::story;
}
