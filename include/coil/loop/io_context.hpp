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

namespace detail {

class descriptor;
class descriptor_table;
class operation;
class root_task;

}  // namespace detail

/// The event loop. An io_context consists of one thread, one ring, and the tasks that run on them.
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
///           exist when post() or stop() is called; the destructor waits until such calls have returned.
///           Destroying a context while run() is active, whether in one of its tasks or on another thread,
///           aborts with a message.
/// Errors:   The constructor throws a std::system_error that says why the kernel refuses io_uring and what to
///           do.
/// Since:    Linux 6.1.
class io_context final : public detail::scheduler {
public:
    struct options {
        /// The maximum number of operations that one system call submits. The kernel limits it to 32768.
        unsigned entries = 256;
        /// The size of the completion ring. When the ring is full, completions are delivered later, but none
        /// is lost.
        unsigned completions = 4096;
        /// The size in bytes of the pool of buffers that the kernel fills.
        std::size_t pool_size = 4 << 20;
        /// The maximum number of bytes that a stream receives ahead. It is never more than a quarter of the
        /// pool.
        std::size_t ahead_max = 256 << 10;
        /// A limit for the bytes that all streams together hold outside the pool, in copies. When this limit
        /// is reached, a stream receives one chunk at a time, because it stops as soon as a byte is unread. A
        /// separate limit of the same size applies to all `recvfrom_stream`s; when it is reached, a stream
        /// stops as soon as a datagram is unread.
        std::size_t held_max = 16 << 20;
        /// The size in bytes of the largest datagram that a `recvfrom_stream` receives without truncation.
        std::size_t datagram_max = 2048;
        /// Never sleep. This lowers the latency but keeps a core busy, so use it only if the thread has its
        /// own core.
        bool spin = false;
    };

    io_context();
    explicit io_context(const options& chosen);
    /// Runs on a kernel other than the real one. For tests.
    explicit io_context(detail::owned<ring::kernel> kernel);
    io_context(detail::owned<ring::kernel> kernel, const options& chosen);
    ~io_context();

    /// Runs until no work is left or stop() is called. Unfinished tasks, posted functions and work guards
    /// count as work. Returns the number of resumptions plus the number of posted functions called. Unhandled
    /// exceptions propagate from run(), which may then be called again. When run() returns, the context is
    /// stopped; call restart() before the next run().
    ///
    /// Not reentrant: run() or poll() inside a task or posted function of the same context throws
    /// error::already_running. If called while the context is being destroyed, both return 0.
    std::size_t run();
    /// Like run(), but returns after one resumption or posted function.
    std::size_t run_one();
    /// Like run(), but returns after `duration` at the latest.
    template <class Rep, class Period>
    std::size_t run_for(std::chrono::duration<Rep, Period> duration) {
        return run_until(detail::deadline_after(now(), duration));
    }
    std::size_t run_until(time_point deadline);
    /// Like run(), but never waits. Returns when nothing is ready.
    std::size_t poll();
    /// Like poll(), but returns after one resumption or posted function.
    std::size_t poll_one();

    /// Makes run() return soon. Thread-safe and async-signal-safe. Ready tasks and posted functions stay
    /// queued for the next run().
    void stop() noexcept;
    /// stopped() and restart() are also thread-safe. Call restart() only between two runs: if run() has not
    /// noticed a stop() yet, restart() cancels it.
    [[nodiscard]] bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }
    void restart() noexcept { stopped_.store(false, std::memory_order_release); }

    /// Calls `function` on the context's thread as soon as possible, in FIFO order. Thread-safe. Costs one
    /// recycled memory block. Exceptions thrown by the function propagate from run(). A context that is being
    /// destroyed discards the function without calling it.
    template <class F>
        requires std::invocable<std::decay_t<F>&>
    void post(F&& function);

    /// Calls `handler(const task_failure&)` for each exception that ends a detached task, or a child of a
    /// group with `report_errors`. Without a handler, these exceptions are printed on stderr, at most ten per
    /// second. However, if a detached task ends with anything other than a std::system_error, that exception
    /// propagates from run(), because it indicates a bug. Exceptions thrown by the handler also propagate
    /// from run().
    ///
    /// A handler may install another handler. When the context ends, errors of tasks that were never joined
    /// are printed on stderr and not passed to the handler, because objects that the handler captured may no
    /// longer exist. Throws error::wrong_thread unless called on the owner's thread.
    template <class Handler>
        requires std::invocable<std::decay_t<Handler>&, const task_failure&>
    void on_task_error(Handler&& handler);

    /// The buffers that the kernel fills, for `socket.recv_chunk()` and `socket.recv_stream()`. The
    /// first use creates the pool. Throws std::bad_alloc, or a std::system_error if the kernel refuses it.
    [[nodiscard]] buffer_pool& pool();

    /// Returns the current time of the monotonic clock that all deadlines use.
    [[nodiscard]] time_point now() const noexcept;

    /// Counters since the construction of the context. They are always enabled; each costs one plain
    /// increment. metrics() throws error::wrong_thread unless called on the owner's thread.
    struct counters {
        // The loop.
        unsigned long long enters = 0;       ///< system calls by the loop: io_uring_enter(2)
        unsigned long long submissions = 0;  ///< SQEs, including cancels
        unsigned long long completions = 0;  ///< CQEs collected
        unsigned long long overflows = 0;    ///< enters that left completions behind: the CQ was full
        unsigned long long resumptions = 0;  ///< tasks resumed and posted functions called
        unsigned long long ready_max = 0;    ///< maximum number of resumptions in one iteration
        unsigned long long busy_max = 0;     ///< longest time that one iteration spent on tasks, in ns
        unsigned long long cancels = 0;      ///< cancels submitted to the kernel, including repetitions
        // Sends.
        unsigned long long sends_direct = 0;  ///< sends by a direct system call
        unsigned long long sends_ring = 0;    ///< sends through the ring
        unsigned long long sends_short = 0;   ///< partial writes, direct or through the ring
        // Receive-ahead and the pools.
        unsigned long long ahead_stops = 0;  ///< how often a stream stopped at its receive-ahead limit
        unsigned long long starved = 0;      ///< receives that found the pool empty (ENOBUFS)
        unsigned long long copied = 0;       ///< chunks copied out of a pool
        unsigned long long held = 0;         ///< bytes of memory that these copies occupy now
        unsigned long long pinned = 0;       ///< pool entries that chunks hold now
        unsigned long long pinned_max = 0;   ///< the sum of the pools' maximum values of `pinned`
    };
    [[nodiscard]] counters metrics() const;

    // ---- scheduler ----------------------------------------------------------------------------------------

    void schedule(detail::node& item) noexcept override { ready_.push_back(item); }
    void post(detail::node& item) noexcept override;
    void work_started() noexcept override { ++work_; }
    void work_finished() noexcept override { --work_; }
    void report(const task_failure& failure) noexcept override;

    // ---- internal: for operations, handles, tasks and timers ----------------------------------------------

    /// Returns the context on which a task with this environment runs.
    static io_context& of(const detail::environment& task) noexcept {
        return static_cast<io_context&>(task.scheduler());
    }
    /// Returns the environment shared by all coroutines that are not tasks. It is never stopped.
    [[nodiscard]] detail::environment& foreign_environment() noexcept { return foreign_; }
    [[nodiscard]] ring::kernel& kernel() const noexcept;
    [[nodiscard]] detail::descriptor_table& descriptors() const noexcept { return *descriptors_; }
    [[nodiscard]] bool is_closing() const noexcept { return closing_; }
    /// Returns true if the calling thread is the owner.
    [[nodiscard]] bool is_owner() const noexcept;
    /// Throws error::wrong_thread if the waiting coroutine runs on a thread other than the owner's. Only
    /// coroutines that are not tasks need this check, because a task always runs on its context's thread.
    void check_thread(const detail::awaited& waiting) const {
        if (&waiting.env() == &foreign_ && !is_mine()) [[unlikely]]
            detail::throw_wrong_thread(waiting.describe(), owner());
    }
    void check_thread(const char* call) const {
        if (!is_mine()) [[unlikely]]
            detail::throw_wrong_thread(call, owner());
    }

    /// Returns true if a direct system call is likely to be faster than the ring, that is, if the last
    /// iteration collected few completions. With one or two operations in flight a ring saves nothing, and
    /// waiting for the next iteration adds latency. Returns false if this iteration has already sent many
    /// messages directly, as in a broadcast.
    [[nodiscard]] bool is_quiet() const noexcept {
        return collected_ <= collected_when_quiet && sent_directly_ < sent_directly_max;
    }
    // Counters for metrics(). Operations increment them.
    void count_direct_send() noexcept {
        ++counts_.sends_direct;
        ++sent_directly_;
    }
    /// Called before a send opens a probe, which is a second socket that polls the receiver for buffer space.
    /// Returns false if too many probes are open, so that receivers that do not read cannot use up all
    /// descriptors.
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
    void arm(detail::timer_entry& timer, time_point deadline) noexcept { timers_.arm(timer, deadline); }

    /// Returns the object that submits this context's operations to the ring.
    [[nodiscard]] detail::submission& submissions() noexcept { return submissions_; }

    [[nodiscard]] detail::pools& pools() noexcept { return pools_; }
    [[nodiscard]] detail::task_list& tasks() noexcept { return tasks_; }

    /// The reference that handles and work guards copy.
    [[nodiscard]] const detail::context_ref& self() const noexcept { return self_; }
    void guard_acquired() noexcept { guards_.fetch_add(1, std::memory_order_relaxed); }
    /// Call this only between context_life::enter() and leave().
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

    detail::context_ref
        self_;  // destroyed last, because destructors of other members may post or use handles
    detail::intrusive_list<detail::node> ready_;
    detail::intrusive_list<detail::node> batch_;  // being resumed in this iteration
    // Unfinished tasks, plus the waits of coroutines that are not tasks.
    std::size_t work_ = 0;
    static constexpr unsigned collected_when_quiet = 2;
    static constexpr unsigned sent_directly_max = 64;
    static constexpr unsigned probes_max = 16;
    unsigned probes_ = 0;
    unsigned collected_ = 0;      // completions collected by the last iteration
    counters counts_;             // except those that the ring and the pools count themselves
    std::uint64_t busy_max_ = 0;  // in ticks
    std::uint64_t first_tick_;    // read at construction
    steady_clock::time_point first_time_ = steady_clock::now();  // the time of first_tick_
    unsigned sent_directly_ = 0;                                 // sends in this iteration
    detail::owned<ring::ring> ring_;
    detail::pools pools_{*this};  // destroyed after the records, which hold chunks
    detail::owned<detail::descriptor_table> descriptors_;
    detail::inbox inbox_;
    std::atomic<bool> stopped_{false};
    std::atomic<long> guards_{0};
    // The thread that may enter the ring. Changes under ownership::lock(), except in the destructor.
    std::atomic<const void*>& owner_ = owner_record().thread;
    detail::submission submissions_{*this};
    detail::task_list tasks_{*this};
    time_point wake_retry_at_ = time_point::max();  // when a refused wake-up poll is submitted again
    std::chrono::milliseconds wake_pause_{1};
    unsigned refusals_ = 0;  // consecutive refused enters
    detail::environment foreign_{*this, true};
    std::atomic<bool> is_running_{false};  // written by the owner, read by the destructor on any thread
    bool closing_ = false;
    bool is_leaving_ = false;  // its thread is ending and settles it; under the lock of `ownership`
    bool wake_armed_ = false;
    options options_;
    io_context* next_owned_ = nullptr;  // the next context in the list of `ownership`
    detail::timer_queue timers_;
};

// Implementation

namespace detail {

/// A posted function in a recycled memory block.
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

    // An exception thrown by the destructor is reported like an exception thrown by the function.
    void abandon() noexcept override {
        io_context& context = *context_;
        try {
            std::destroy_at(&function_);
        } catch (...) {
            context.tasks().rethrow_in_run(std::current_exception());
        }
        this->~posted_function();
        frame_deallocate(this, sizeof(posted_function));
    }

private:
    template <class G>
    posted_function(io_context& context, G&& function)
        : context_(&context), function_(std::forward<G>(function)) {}
    ~posted_function() noexcept override {}

    io_context* context_;
    union {
        F function_;  // abandon() destroys it, because its destructor may throw
    };
};

}  // namespace detail

template <class F>
    requires std::invocable<std::decay_t<F>&>
void io_context::post(F&& function) {
    static_assert(alignof(std::decay_t<F>) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    post(static_cast<detail::node&>(
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
    tasks_.install(detail::make_owned<holder>(std::forward<Handler>(handler)));
}

/// Keeps run() running even if there are no tasks, until the guard is destroyed or reset. Both may happen on
/// any thread. If the same thread posts a function and then resets the guard, the function runs before run()
/// returns.
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
