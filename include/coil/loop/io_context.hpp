// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <exception>
#include <new>
#include <source_location>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <coil/base/error.hpp>
#include <coil/base/intrusive_list.hpp>
#include <coil/base/owned.hpp>
#include <coil/base/time.hpp>
#include <coil/coro/affinity.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/frame_allocator.hpp>
#include <coil/coro/scheduler.hpp>
#include <coil/coro/task_failure.hpp>
#include <coil/loop/context_ref.hpp>
#include <coil/loop/inbox.hpp>
#include <coil/loop/pools.hpp>
#include <coil/loop/submission.hpp>
#include <coil/loop/task_list.hpp>
#include <coil/loop/timers.hpp>

struct io_uring_cqe;
struct io_uring_sqe;

namespace coil::COIL_ABI {

namespace ring {
class buffer_ring;
class kernel;
class ring;
}  // namespace ring

class buffer_pool;
class descriptor;
class descriptor_table;
class operation;
class root_task;

/// The event loop: one thread, one ring, and the tasks that run on it.
///
///     coil::io_context context;
///     coil::co_spawn(context, serve(context), coil::detached);
///     context.run();                                            // until no task is left
///
/// Threads:  a context belongs to the thread that first runs or polls it, until that thread ends: run() on
///           another thread throws error::wrong_thread. post(), stop() and work guards are thread-safe;
///           stop() may also be called in a signal handler. To use more cores, run one context per thread.
/// Fork:     a child of fork() may run a context that its parent has created but never run. A context that
///           the parent has run belongs to the parent: in the child, run() throws error::wrong_process, and
///           the destructor closes the child's descriptors without affecting the parent.
/// Lifetime: the destructor ends every task: destructors of their locals run, code after their awaits does
///           not. Sockets are closed, and their ports are free, when it returns. Handles that outlive the
///           context are closed. The context must exist when post() or stop() is called; the destructor waits
///           until such calls have returned. Destroying a context while run() is active, in one of its tasks
///           or on another thread, aborts with a message.
/// Errors:   the constructor throws a std::system_error that says why io_uring is refused, and what to do.
/// Since:    Linux 6.1.
class io_context final : public scheduler {
public:
    struct options {
        /// The maximum number of operations that one system call submits (16 to 32768).
        unsigned entries = 256;
        /// Size of the completion ring. Further completions are delivered late; none is lost.
        unsigned completions = 4096;
        /// Bytes of the pool of buffers that the kernel fills.
        std::size_t pool_size = 4 << 20;
        /// Bytes that a stream receives ahead; at most a quarter of the pool.
        std::size_t ahead_max = 256 << 10;
        /// Bytes that all streams together hold outside the pool. From there on a stream gets one small piece
        /// at a time, and an unread byte stops it. A separate limit of the same size applies to all
        /// `recvfrom_stream`s: from there on an unread datagram stops its stream.
        std::size_t held_max = 16 << 20;
        /// Bytes of the largest datagram that a `recvfrom_stream` receives whole.
        std::size_t datagram_max = 2048;
        /// Never sleep, for a thread that has a core to itself: lower latency, at the cost of the whole core.
        bool spin = false;
    };

    io_context();
    explicit io_context(const options& chosen);
    /// Runs on a kernel other than the real one: for tests.
    explicit io_context(owned<ring::kernel> kernel);
    io_context(owned<ring::kernel> kernel, const options& chosen);
    ~io_context();

    /// Runs until no work is left, or until stop(). Work is an unfinished task, a posted function or a work
    /// guard. Returns the number of resumptions and of posted functions called. Unhandled exceptions
    /// propagate; run() may be called again after one. When run() returns, the context is stopped: call
    /// restart() to run it once more.
    /// Not reentrant: run() or poll() inside a task or posted function of the same context throws
    /// error::already_running.
    /// In a destructor that is called while the context is destroyed, they return 0.
    std::size_t run();
    /// Like run(), but returns after one resumption or posted function.
    std::size_t run_one();
    /// Like run(), but returns after `duration` at the latest.
    template <class Rep, class Period>
    std::size_t run_for(std::chrono::duration<Rep, Period> duration) {
        return run_until(deadline_after(now(), duration));
    }
    std::size_t run_until(time_point deadline);
    /// Like run(), but never waits: returns when nothing is ready.
    std::size_t poll();
    /// Like poll(), but returns after one resumption or posted function.
    std::size_t poll_one();

    /// Makes run() return soon. Thread-safe and async-signal-safe. Ready tasks and posted functions stay
    /// queued for a later run().
    void stop() noexcept;
    /// stopped() and restart() are thread-safe too. A restart() before run() has seen a stop() cancels that
    /// stop: call it between two runs.
    [[nodiscard]] bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }
    void restart() noexcept { stopped_.store(false, std::memory_order_release); }

    /// Calls `function` on the context's thread, soon and in FIFO order. Thread-safe. Costs one recycled
    /// block. Exceptions that the function throws propagate from run(). A context that is being destroyed
    /// drops the function.
    template <class F>
        requires std::invocable<std::decay_t<F>&>
    void post(F&& function);

    /// Calls `handler(const task_failure&)` for each exception that ends a detached task, or a child of a
    /// group with `report_errors`. Without a handler, these exceptions are printed on stderr, at most ten a
    /// second; but an exception of a detached task that is not a std::system_error indicates a bug, and
    /// propagates from run(). Exceptions that the handler throws propagate from run() too.
    /// A handler may install another one. Errors that no task has taken when the context ends are printed on
    /// stderr; the handler does not get them, because what it captures may no longer exist.
    /// Throws error::wrong_thread on a thread other than the owner's.
    template <class Handler>
        requires std::invocable<std::decay_t<Handler>&, const task_failure&>
    void on_task_error(Handler&& handler);

    /// The buffers that the kernel fills, for `socket.recv(context.pool())` and `socket.recv_stream()`. The
    /// first use creates the pool. Throws std::bad_alloc, or a std::system_error if the kernel refuses it.
    [[nodiscard]] buffer_pool& pool();

    /// The current time of the monotonic clock that all deadlines use.
    [[nodiscard]] time_point now() const noexcept;

    /// Counters since the context was created. They are always on; each costs a plain increment. metrics()
    /// throws error::wrong_thread on a thread other than the owner's.
    struct counters {
        // The loop.
        unsigned long long enters = 0;       ///< system calls of the loop: io_uring_enter(2)
        unsigned long long submissions = 0;  ///< SQEs, including cancels
        unsigned long long completions = 0;  ///< CQEs collected
        unsigned long long overflows = 0;    ///< enters that found the ring full: some completions came late
        unsigned long long resumptions = 0;  ///< tasks resumed and posted functions called
        unsigned long long ready_max = 0;    ///< the most resumptions in one iteration of the loop
        unsigned long long busy_max = 0;     ///< ns: the longest time that one iteration spent on tasks
        unsigned long long cancels = 0;      ///< cancels submitted to the kernel, including repeated ones
        // Sends.
        unsigned long long sends_direct = 0;  ///< direct system calls
        unsigned long long sends_ring = 0;    ///< through the ring
        unsigned long long sends_short = 0;   ///< direct or not: partial writes
        // Received ahead, and the pool.
        unsigned long long ahead_stops = 0;  ///< times that a stream stopped at its receive-ahead limit
        unsigned long long starved = 0;      ///< receives that found the pool empty (ENOBUFS)
        unsigned long long copied = 0;       ///< chunks that were copied out because the pool was low
        unsigned long long held = 0;         ///< bytes of memory that these copies take now
        unsigned long long pinned = 0;       ///< entries of the pools that chunks hold now
        unsigned long long pinned_max = 0;   ///< the maximum of `pinned` for each pool, added up
    };
    [[nodiscard]] counters metrics() const;

    // ---- scheduler ----------------------------------------------------------------------------------------

    void schedule(node& item) noexcept override { ready_.push_back(item); }
    void post(node& item) noexcept override;
    void work_started() noexcept override { ++work_; }
    void work_finished() noexcept override { --work_; }
    void report(const task_failure& failure) noexcept override;

    // ---- for the rooms above: operations, handles, tasks, timers ------------------------------------------

    /// The context that a task with this environment runs on.
    static io_context& of(const environment& task) noexcept {
        return static_cast<io_context&>(task.scheduler());
    }
    /// The environment that all coroutines that are not tasks share. It is never stopped.
    [[nodiscard]] environment& foreign_environment() noexcept { return foreign_; }
    [[nodiscard]] ring::kernel& kernel() const noexcept;
    [[nodiscard]] descriptor_table& descriptors() const noexcept { return *descriptors_; }
    [[nodiscard]] bool is_closing() const noexcept { return closing_; }
    /// Whether the calling thread is the owner.
    [[nodiscard]] bool is_owner() const noexcept;
    /// Throws error::wrong_thread if the waiting coroutine is on a thread other than the owner's. A task
    /// always runs on its context's thread; only other coroutines need the check.
    void check_thread(const awaited& waiting) const {
        if (&waiting.env() == &foreign_ && !is_mine()) [[unlikely]]
            throw_wrong_thread(waiting.describe(), owner());
    }
    void check_thread(const char* call) const {
        if (!is_mine()) [[unlikely]]
            throw_wrong_thread(call, owner());
    }

    /// True if a direct system call beats a ring slot: the last iteration brought few completions. With one
    /// or two operations in flight a ring saves nothing, and waiting for the next iteration adds latency.
    /// False in an iteration that has already sent to many peers, as in a broadcast.
    [[nodiscard]] bool is_quiet() const noexcept {
        return collected_ <= collected_when_quiet && sent_directly_ < sent_directly_max;
    }
    // Counters for metrics(), which operations increment.
    void count_direct_send() noexcept {
        ++counts_.sends_direct;
        ++sent_directly_;
    }
    /// Called before a send opens a probe, a second socket to poll its receiver for room. Returns false if
    /// too many are open: receivers that do not read must not exhaust the descriptors.
    [[nodiscard]] bool acquire_probe() noexcept {
        if (probes_ >= probes_max)
            return false;
        ++probes_;
        return true;
    }
    void release_probe() noexcept { --probes_; }
    void count_ring_send() noexcept { ++counts_.sends_ring; }
    void count_short_send() noexcept { ++counts_.sends_short; }
    void count_ahead_stop() noexcept { ++counts_.ahead_stops; }
    [[nodiscard]] const options& chosen() const noexcept { return options_; }
    void arm(timer_entry& timer, time_point deadline) noexcept { timers_.arm(timer, deadline); }

    /// The way of operations into the ring.
    [[nodiscard]] detail::submission& submissions() noexcept { return submissions_; }

    [[nodiscard]] detail::pools& pools() noexcept { return pools_; }
    [[nodiscard]] detail::task_list& tasks() noexcept { return tasks_; }

    /// The reference that handles and work guards copy.
    [[nodiscard]] const context_ref& self() const noexcept { return self_; }
    void guard_acquired() noexcept { guards_.fetch_add(1, std::memory_order_relaxed); }
    /// Call it inside context_life::enter().
    void guard_released() noexcept;

private:
    class run_scope;
    class ownership;
    friend class detail::pools;       // registers buffers
    friend class detail::submission;  // enters the ring and collects, to wait for cancelled operations
    friend class ownership;

    std::size_t run_iterations(time_point deadline, std::size_t limit, bool may_wait, const char* call);
    std::size_t iterate(time_point deadline, std::size_t limit, bool may_wait, const char* call);
    std::size_t resume_ready(std::size_t limit);
    void enter(unsigned wait, time_point deadline);
    int enter_or_pause(unsigned wait, time_point deadline) noexcept;
    void pause_loop(time_point deadline) noexcept;
    unsigned collect() noexcept;
    void dispatch(const io_uring_cqe& cqe) noexcept;
    void fetch_portion() noexcept;
    void wake_poll_ended(int result) noexcept;
    [[nodiscard]] bool has_work() const noexcept;
    void arm_wake() noexcept;

    void adopt(const char* call);
    void open_ring();
    [[nodiscard]] ring::ring& opened_ring();
    void disown() noexcept;
    void disconnect_frames() noexcept;

    context_ref self_;  // destroyed last: destructors of members may post or use handles
    intrusive_list<node> ready_;
    intrusive_list<node> batch_;  // being resumed in this iteration
    std::size_t work_ = 0;        // unfinished tasks, and waits of coroutines that are not tasks
    static constexpr unsigned collected_when_quiet = 2;
    static constexpr unsigned sent_directly_max = 64;
    static constexpr unsigned probes_max = 16;
    unsigned probes_ = 0;
    unsigned collected_ = 0;      // by the last iteration
    counters counts_;             // except for what the ring and the pools count
    std::uint64_t busy_max_ = 0;  // in ticks
    std::uint64_t first_tick_;    // at construction
    steady_clock::time_point first_time_ = steady_clock::now();  // the time of first_tick_
    unsigned sent_directly_ = 0;                                 // in this iteration
    owned<ring::ring> ring_;
    detail::pools pools_{*this};  // destroyed after the records, which hold chunks
    owned<descriptor_table> descriptors_;
    inbox inbox_;
    std::atomic<bool> stopped_{false};
    std::atomic<long> guards_{0};
    // The thread that may enter. Changes under the lock of `ownership`.
    std::atomic<const void*>& owner_ = owner_record().thread;
    detail::submission submissions_{*this};
    detail::task_list tasks_{*this};
    time_point wake_retry_at_ = time_point::max();  // when a refused wake-up poll is submitted again
    std::chrono::milliseconds wake_pause_{1};
    unsigned refusals_ = 0;  // consecutive refused enters
    environment foreign_{*this, true};
    std::atomic<bool> is_running_{false};  // written by the owner, read by the destructor on any thread
    bool closing_ = false;
    bool is_leaving_ = false;  // its thread is ending and settles it; under the lock of `ownership`
    bool wake_armed_ = false;
    options options_;
    io_context* next_owned_ = nullptr;  // in the list of `ownership`
    timer_queue timers_;
};

// Implementation

namespace detail {

/// A posted function, in a recycled block.
template <class F>
class posted_function final : public node {
public:
    template <class G>
    static posted_function* make(io_context& context, G&& function) {
        void* block = frame_allocate(sizeof(posted_function));
        try {
            return new (block) posted_function(context, std::forward<G>(function));
        } catch (...) {
            frame_deallocate(block, sizeof(posted_function));
            throw;
        }
    }

    std::coroutine_handle<> run() noexcept override {
        io_context& context = *context_;
        try {
            function_();
        } catch (...) {
            context.tasks().rethrow_in_run(std::current_exception());
        }
        abandon();
        return nullptr;
    }

    // An exception from the destructor is reported like one from the function.
    void abandon() noexcept override {
        io_context& context = *context_;
        try {
            this->~posted_function();
        } catch (...) {
            context.tasks().rethrow_in_run(std::current_exception());
        }
        frame_deallocate(this, sizeof(posted_function));
    }

private:
    template <class G>
    posted_function(io_context& context, G&& function)
        : context_(&context), function_(std::forward<G>(function)) {}
    ~posted_function() noexcept(std::is_nothrow_destructible_v<F>) = default;

    io_context* context_;
    F function_;
};

}  // namespace detail

template <class F>
    requires std::invocable<std::decay_t<F>&>
void io_context::post(F&& function) {
    static_assert(alignof(std::decay_t<F>) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    post(static_cast<node&>(
        *detail::posted_function<std::decay_t<F>>::make(*this, std::forward<F>(function))));
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
    tasks_.install(make_owned<holder>(std::forward<Handler>(handler)));
}

/// Keeps run() running while there is no task, until the guard is destroyed or reset, on any thread.
/// A function that the same thread has posted before the reset runs before run() returns.
/// Lifetime: may outlive its context; reset() is then a no-op.
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
    context_ref context_;
};

}  // namespace coil::COIL_ABI
