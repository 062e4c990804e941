// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <type_traits>
#include <utility>

#include <coil/coro/result_slot.hpp>
#include <coil/coro/task.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>

namespace coil::COIL_ABI {

namespace detail {

/// Contains the io_context of one sync_wait call, and records whether the awaited task has finished.
class waited_run {
public:
    [[nodiscard]] io_context& context() noexcept { return context_; }
    /// Runs until finish() is called. Throws operation_aborted if the context was stopped before that.
    void run();
    void finish() noexcept {
        finished_ = true;
        context_.stop();
    }

private:
    io_context context_;
    bool finished_ = false;
};

template <class T>
task<> wait_for(task<T> what, result_slot<T>& result, waited_run& run) {
    try {
        if constexpr (std::is_void_v<T>)
            co_await std::move(what);
        else
            result.return_value(co_await std::move(what));
    } catch (...) {
        result.unhandled_exception();
    }
    run.finish();
}

}  // namespace detail

/// Runs a task to completion on this thread, in its own io_context. Returns the task's result or throws its
/// exception. Use sync_wait in main() and in tests. Do not call it inside a task, because it would block the
/// thread and all tasks on this thread. Use co_await there instead.
///
///     int main() { return coil::sync_wait(serve()); }           // coil::task<int> serve()
///
///     coil::task<int> serve() {
///         auto& context = co_await coil::this_coro::context;
///         tcp::acceptor acceptor(context, {tcp::v6(), 7777});
///         ...
///
/// Completes: When the task completes. Before sync_wait returns, it destroys the context and all tasks that
///            were spawned but not joined.
/// Errors:    The task's errors; the errors of the io_context's constructor; operation_aborted if the context
///            was stopped before the end of the task. Exceptions from detached tasks are handled as in any
///            io_context: sync_wait throws those that indicate bugs.
/// Threads:   Any number of threads may call sync_wait at the same time. If the calling thread is already
///            running a context, that context blocks until sync_wait returns.
/// Cost:      An io_context, that is, a few system calls and memory shared with the kernel.
template <class T>
T sync_wait(task<T> what) {
    detail::result_slot<T> result;
    detail::waited_run run;
    co_spawn(run.context(), detail::wait_for<T>(std::move(what), result, run), detached);
    run.run();
    return result.take();
}

/// Overload for a function that returns the task, as in `sync_wait(serve, 7777)`. The function and its
/// arguments are not copied and must stay valid until sync_wait returns.
template <class F, class... Args>
auto sync_wait(F&& function, Args&&... args) ->
    typename detail::task_value<std::invoke_result_t<F&, Args...>>::type {
    return sync_wait(detail::call(function, std::forward<Args>(args)...));
}

}  // namespace coil::COIL_ABI
