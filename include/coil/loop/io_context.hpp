// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <coil/base/owned.hpp>
#include <coil/base/time.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/task_failure.hpp>
#include <coil/loop/context_options.hpp>
#include <coil/loop/context_ref.hpp>
#include <coil/loop/event_loop.hpp>
#include <coil/loop/posted_function.hpp>
#include <coil/loop/task_list.hpp>

namespace coil::COIL_ABI {

namespace ring {
class kernel;
}

class buffer_pool;

/// An event loop. An io_context consists of one ring, the thread that enters the ring, and the tasks that run
/// on this thread.
///
///     coil::io_context context;
///     coil::co_spawn(context, serve(context), coil::detached);
///     context.run();                                            // until no task is left
///
/// Threads:  A context belongs to the first thread that runs or polls it, until that thread ends. run() on
///           another thread throws error::wrong_thread. post(), stop() and work guards are thread-safe;
///           stop() may also be called in a signal handler. To use more cores, run one context per thread.
/// Fork:     A child of fork() may run a context that its parent has created but never run. A context that
///           the parent has run belongs to the parent: in the child, run() throws error::wrong_process, and
///           the destructor closes the child's descriptors without affecting the parent.
/// Lifetime: The destructor ends every task. It runs the destructors of the task's local variables, but no
///           code after the current await. When the destructor returns, the sockets are closed and their
///           ports are free. Handles may outlive the context; they are then closed. The context must still
///           exist when post() or stop() is called; the destructor waits until calls in progress have
///           returned. If a context is destroyed while run() is active, whether by a task of the context or
///           by another thread, the program aborts with a message.
/// Engine:   A context runs on io_uring or, if this system refuses io_uring, on epoll. See `io_engine`.
/// Errors:   The constructor throws a std::system_error if memory or descriptors run out, if COIL_ENGINE has
///           an unknown value, or if io_uring is asked for and this system refuses to set up a ring. The text
///           says why, and what to do.
/// Since:    Linux 6.1 with io_uring, Linux 4.18 with epoll.
class io_context final : public detail::event_loop {
public:
    using options = context_options;
    using counters = context_counters;

    io_context();
    explicit io_context(const options& chosen);
    /// Creates a context that runs on the given kernel instead of the real one. For tests.
    explicit io_context(detail::owned<ring::kernel> kernel);
    io_context(detail::owned<ring::kernel> kernel, const options& chosen);
    ~io_context() override;

    /// Runs until no work is left or stop() is called. Unfinished tasks, posted functions and work guards
    /// count as work. Returns the number of resumptions plus the number of posted functions called. Unhandled
    /// exceptions propagate from run(), which may then be called again. When run() returns, the context is
    /// stopped; call restart() before the next run().
    ///
    /// Not reentrant: run() or poll() inside a task or posted function of the same context throws
    /// error::already_running. While the context is being destroyed, run() and poll() return 0.
    std::size_t run();
    /// Like run(), but returns after one resumption or posted function.
    std::size_t run_one();
    /// Like run(), but returns after `duration` at the latest.
    template <class Rep, class Period>
    std::size_t run_for(std::chrono::duration<Rep, Period> duration) {
        return run_until(detail::deadline_after(now(), duration));
    }
    template <detail::number Number>
    void run_for(Number, detail::write_5s_or_std_chrono_seconds_5 = {}) = delete;
    std::size_t run_until(time_point deadline);
    /// Like run(), but never waits. Returns when nothing is ready.
    std::size_t poll();
    /// Like poll(), but returns after one resumption or posted function.
    std::size_t poll_one();

    /// Makes run() return soon. Thread-safe and async-signal-safe. Ready tasks and posted functions stay
    /// queued for the next run().
    void stop() noexcept;
    /// stopped() and restart() are thread-safe. Call restart() only between two runs, because restart()
    /// cancels a stop() that run() has not noticed yet.
    using event_loop::stopped;
    void restart() noexcept { stopped_.store(false, std::memory_order_release); }

    /// Calls `function` on the context's thread as soon as possible, in FIFO order. Thread-safe. Costs one
    /// recycled memory block. Exceptions thrown by the function propagate from run(). A context that is being
    /// destroyed discards the function without calling it.
    template <class F>
        requires std::invocable<std::decay_t<F>&>
    void post(F&& function);

    /// From now on, calls `handler(const task_failure&)` for each exception that ends a detached task, or a
    /// child of a group with `report_errors`. Without a handler, these exceptions are printed on stderr, at
    /// most ten per second. If there is no handler and a detached task ends with an exception other than a
    /// std::system_error, the exception is not printed but propagates from run(), because it indicates a bug.
    /// Exceptions that the handler throws propagate from run().
    ///
    /// A handler may install another handler. When the context ends, errors of tasks that were never joined
    /// are printed on stderr and not passed to the handler, because objects that the handler captured may no
    /// longer exist. Throws error::wrong_thread unless called on the owner's thread.
    template <class Handler>
        requires std::invocable<std::decay_t<Handler>&, const task_failure&>
    void on_task_error(Handler&& handler);

    /// Returns the pool of buffers that the kernel fills for `socket.recv_chunk()` and
    /// `socket.recv_stream()`. The first use of one of these three functions creates the pool. Throws
    /// std::bad_alloc, or a std::system_error if the kernel refuses the buffers.
    [[nodiscard]] buffer_pool& pool();

    /// Returns the current time of the monotonic clock that all deadlines use.
    using event_loop::now;

    /// Returns the engine on which this context runs: `io_uring` or `epoll`.
    [[nodiscard]] io_engine engine() const noexcept;
    /// Returns one line that says why the context runs on this engine. If io_uring is refused, the line says
    /// how to allow it. The text exists until the process ends. Thread-safe.
    [[nodiscard]] const char* engine_reason() const noexcept { return engine_reason_; }

    /// Returns the counters. Throws error::wrong_thread unless called on the owner's thread.
    [[nodiscard]] counters metrics() const;

    // Internal. of() is event_loop::of() with the type io_context. The using-declaration adds the overload of
    // post() for a node.
    static io_context& of(const detail::environment& task) noexcept {
        return static_cast<io_context&>(task.scheduler());
    }
    using event_loop::post;

private:
    const char* engine_reason_ = "this context runs on a kernel for tests";
};

// Implementation

template <class F>
    requires std::invocable<std::decay_t<F>&>
void io_context::post(F&& function) {
    static_assert(alignof(std::decay_t<F>) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    event_loop::post(*detail::posted_function<std::decay_t<F>>::make(*this, std::forward<F>(function)));
}

template <class Handler>
    requires std::invocable<std::decay_t<Handler>&, const task_failure&>
void io_context::on_task_error(Handler&& handler) {
    class holder final : public detail::error_handler {
    public:
        explicit holder(Handler&& given) : handler_(std::forward<Handler>(given)) {}
        void operator()(const task_failure& failure) override { handler_(failure); }

    private:
        std::decay_t<Handler> handler_;
    };
    check_thread("io_context::on_task_error");
    tasks_.install(detail::make_owned<holder>(std::forward<Handler>(handler)));
}

/// A guard that keeps run() running even if there are no tasks, until the guard is destroyed or reset. Any
/// thread may destroy or reset a guard. If a thread posts a function and then resets the guard, the function
/// runs before run() returns.
/// Lifetime: The guard may outlive its context; reset() is then a no-op.
class [[nodiscard("keep it: the work ends when it is dropped")]] work_guard {
public:
    explicit work_guard(io_context& context) noexcept : context_(context) { context.guard_acquired(); }
    work_guard(work_guard&& other) noexcept = default;
    work_guard& operator=(work_guard&& other) noexcept {
        if (this != &other) {
            reset();
            context_ = std::move(other.context_);
        }
        return *this;
    }
    ~work_guard() { reset(); }

    void reset() noexcept;

private:
    detail::context_ref context_;
};

}  // namespace coil::COIL_ABI
