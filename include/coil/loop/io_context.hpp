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

/// The loop: one thread, one ring, and the tasks that run on it.
///
///     coil::io_context context;
///     coil::co_spawn(context, serve(context), coil::detached);
///     context.run();                                            // until no task is left
///
/// Threads:  a context belongs to the thread that first runs or polls it; run() on a second one throws
///           error::wrong_thread, until the first has ended. post(), stop() and work guards are for any thread, stop()
///           for signal handlers too. For more cores, use a context per thread.
/// Processes: a child of fork() may run a context that its parent has made and never run. One that the parent has run is the
///           parent's: run() throws error::wrong_process in the child, and destroying it there closes the child's
///           descriptors and leaves the parent alone.
/// Lifetime: destroying it ends every task: destructors of their locals run, code after their awaits does not. Sockets
///           are closed, and their ports free, when the destructor returns. Handles that outlive it are closed. The context
///           must exist when post() or stop() is called; the destructor waits until such calls have returned.
///           Destroying it while run() is active, in one of its tasks or on another thread, aborts with a message.
/// Errors:   the constructor throws a std::system_error that says why io_uring is refused, and what to do.
/// Since:    Linux 6.1.
class io_context final : public scheduler {
public:
    struct options {
        unsigned entries = 256;  ///< operations submitted with one system call, at most (16 to 32768)
        unsigned completions =
            4096;  ///< completions that may wait to be collected; more come late, none is lost
        std::size_t pool_size = 4 << 20;  ///< bytes of the pool of buffers that the kernel fills
        std::size_t ahead_max =
            256 << 10;  ///< bytes that a stream receives ahead; at most a quarter of the pool
        std::size_t held_max =
            16 << 20;  ///< bytes that all streams together hold beside the pool: from then on each gets one
                       ///< small piece at a time, and an unread byte stops it. The same again for all
                       ///< `recvfrom_stream`s, of which an unread datagram stops each
        std::size_t datagram_max =
            2048;  ///< bytes of the largest datagram that a `recvfrom_stream` receives whole
        bool spin =
            false;  ///< never sleep: for a thread that has a core to itself; waits are shorter, and cost all of it
    };

    io_context();
    explicit io_context(const options& chosen);
    /// On another kernel than the real one: for tests.
    explicit io_context(owned<ring::kernel> kernel);
    io_context(owned<ring::kernel> kernel, const options& chosen);
    ~io_context();

    /// Runs until no work is left, or stop(). Work is an unfinished task, a post, a guard. Returns how many turns were
    /// given to tasks and posts. An exception that is nobody's leaves through here; run() may be called again.
    /// Afterwards the context is stopped: to run it once more, restart() it.
    /// Not reentrant: run() or poll() inside a task or posted function of the same context throws error::already_running.
    /// In the destructor of something that ends with the context they return 0.
    std::size_t run();
    /// The same, until one turn was given.
    std::size_t run_one();
    /// The same, for at most this long.
    template <class Rep, class Period>
    std::size_t run_for(std::chrono::duration<Rep, Period> duration) {
        return run_until(deadline_after(now(), duration));
    }
    std::size_t run_until(time_point deadline);
    /// Runs what is ready, without waiting.
    std::size_t poll();
    /// The same, but at most one turn.
    std::size_t poll_one();

    /// Makes run() return soon, on any thread, also from a signal handler. What is ready stays, for a later run().
    void stop() noexcept;
    /// stopped() and restart() are for any thread as well. A restart() before run() has seen a stop() cancels that stop: call it
    /// between two runs.
    [[nodiscard]] bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }
    void restart() noexcept { stopped_.store(false, std::memory_order_release); }

    /// Calls `function` on the context's thread, soon and in order. From any thread. Costs one recycled block; an
    /// exception that it throws leaves through run(). A context that is being destroyed drops it.
    template <class F>
        requires std::invocable<std::decay_t<F>&>
    void post(F&& function);

    /// Calls `handler(const task_failure&)` for each exception that ends a detached task, or a child of a
    /// group with `report_errors`. Without a handler, a std::system_error is a line on stderr, at most ten a
    /// second, and so is any exception of such a child; any other exception of a detached task (a bug) leaves
    /// through run(). What the handler throws leaves through run() as well.
    /// A handler may install another one. Errors that no task took before the context ends are lines on stderr; the
    /// handler, whose captures may be gone by then, does not get them.
    /// On another thread than the owner's it throws error::wrong_thread.
    template <class Handler>
        requires std::invocable<std::decay_t<Handler>&, const task_failure&>
    void on_task_error(Handler&& handler);

    /// The buffers that the kernel fills, for `socket.recv(context.pool())` and `socket.recv_stream()`. Made by its first
    /// use. Throws std::bad_alloc, or what the kernel says.
    [[nodiscard]] buffer_pool& pool();
    /// The same for `socket.recvfrom_stream()`: entries for a datagram each, or for the trains of sockets with
    /// `udp::receive_offload`.
    [[nodiscard]] buffer_pool& datagram_pool(bool trains = false);
    /// A second one, a quarter of its size, for streams that bring more at a time than an entry of pool() takes. There is
    /// none where those entries are large (since 6.12), or no memory is left.
    [[nodiscard]] buffer_pool* bulk_pool();
    /// Small entries for streams that have waited for one of pool() too long. What comes into them is copied out when it
    /// arrives, so they never run out. Made with pool().
    [[nodiscard]] buffer_pool& reserve_pool() noexcept { return *pools_[pools_count - 1]; }
    /// A pool that exists, by its `pool_group`, without the check of the thread: for operations, on their loop.
    [[nodiscard]] buffer_pool& made_pool(std::uint16_t group) const noexcept { return *pools_[group]; }

    /// The monotonic clock of all deadlines.
    [[nodiscard]] time_point now() const noexcept;

    /// Counts since the context was made: always on, a plain increment each. metrics() on another thread than
    /// the owner's throws error::wrong_thread.
    struct counters {
        // The loop.
        unsigned long long enters = 0;       ///< system calls of the loop: io_uring_enter(2)
        unsigned long long submissions = 0;  ///< SQEs, cancels included
        unsigned long long completions = 0;  ///< CQEs collected
        unsigned long long overflows = 0;    ///< enters that found the ring full: some completions came late
        unsigned long long resumptions = 0;  ///< turns given
        unsigned long long ready_max = 0;    ///< the most that were given in one turn of the loop
        unsigned long long busy_max = 0;     ///< ns: the longest that the tasks of one turn took
        unsigned long long cancels = 0;      ///< operations that the kernel was asked to give up
        // Sends.
        unsigned long long sends_direct = 0;  ///< by a system call of their own
        unsigned long long sends_ring = 0;    ///< through the ring
        unsigned long long sends_short = 0;   ///< of either: the kernel took less than all
        // Received ahead, and the pool.
        unsigned long long ahead_stops = 0;  ///< streams that had received as much ahead as they may
        unsigned long long starved = 0;      ///< receives that found the pool empty (ENOBUFS)
        unsigned long long copied = 0;       ///< chunks that were copied out, as the pool was low
        unsigned long long held = 0;         ///< bytes of memory that these copies take now
        unsigned long long pinned = 0;       ///< entries of the pool that chunks hold now
        unsigned long long pinned_max = 0;   ///< the most there ever were
    };
    [[nodiscard]] counters metrics() const;

    // ---- scheduler -------------------------------------------------------------------------------------------------

    void schedule(node& item) noexcept override { ready_.push_back(item); }
    void post(node& item) noexcept override;
    void work_started() noexcept override { ++work_; }
    void work_finished() noexcept override { --work_; }
    void report(const task_failure& failure) noexcept override;

    // ---- for the rooms above: operations, handles, tasks, timers -----------------------------------------------------

    /// The context that a task with this environment runs on.
    static io_context& of(const environment& task) noexcept {
        return static_cast<io_context&>(task.scheduler());
    }
    /// Shared by all coroutines that are not tasks. Never stopped.
    [[nodiscard]] environment& foreign_environment() noexcept { return foreign_; }
    [[nodiscard]] ring::kernel& kernel() const noexcept;
    [[nodiscard]] descriptor_table& descriptors() const noexcept { return *descriptors_; }
    [[nodiscard]] bool is_closing() const noexcept { return closing_; }
    /// Whether the calling thread is the owner.
    [[nodiscard]] bool is_owner() const noexcept;
    /// Throws error::wrong_thread where another thread than the owner would wait. A task runs on its context's thread by
    /// construction; any other coroutine may come from anywhere.
    void check_thread(const awaited& waiting) const {
        if (&waiting.env() == &foreign_ && !is_mine()) [[unlikely]]
            throw_wrong_thread(waiting.describe(), owner());
    }
    void check_thread(const char* call) const {
        if (!is_mine()) [[unlikely]]
            throw_wrong_thread(call, owner());
    }

    /// Whether the last iteration brought so few completions that a system call of its own is cheaper than a
    /// place in the ring: with one or two in flight a ring saves nothing, and the wait for the next iteration
    /// is latency. An iteration that sends to many, as a broadcast does, is not quiet either.
    [[nodiscard]] bool is_quiet() const noexcept {
        return collected_ <= collected_when_quiet && sent_directly_ < sent_directly_max;
    }
    // What operations count, for metrics().
    void count_direct_send() noexcept {
        ++counts_.sends_direct;
        ++sent_directly_;
    }
    /// Before a send opens a second socket to look for room at its receiver. There are few of these: receivers that do not read must
    /// not cost a context its descriptors.
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
    /// Bytes that a stream may hold unread.
    [[nodiscard]] std::size_t ahead_max() const noexcept;
    /// Counts the memory of chunks that were copied out of a pool, until they are destroyed or detached.
    /// Streams and datagrams have a budget each: a flood of datagrams does not slow the streams down.
    void hold(std::size_t bytes, bool datagrams) noexcept { held_[datagrams] += bytes; }
    void hold_no_longer(std::size_t bytes, bool datagrams) noexcept { held_[datagrams] -= bytes; }
    [[nodiscard]] std::size_t held() const noexcept { return held_[0] + held_[1]; }
    [[nodiscard]] bool may_hold_more(bool datagrams) const noexcept {
        return held_[datagrams] < options_.held_max;
    }
    /// A pool has nothing left for the kernel: those who starve are to be served.
    void pool_is_exhausted() noexcept { is_pool_exhausted_ = true; }
    /// Shares buffers with the kernel. Throws what it says.
    void register_buffers(const ring::buffer_ring& buffers, std::uint16_t group, bool incremental);

    void arm(timer_entry& timer, time_point deadline) noexcept { timers_.arm(timer, deadline); }

    void submit(operation& asked) noexcept;
    void cancel(operation& asked) noexcept;
    void cancel_deferred(descriptor& record) noexcept;
    /// Keeps an operation that is between two steps, until its retry_timer expires.
    void pause(operation& asked) noexcept;
    /// Marks those of the record's operations that stand in lists of the context: our own shutdown ends them.
    void interrupt(descriptor& record) noexcept;
    /// Cancels, and waits until the kernel has let go: its memory must not be freed before. Reports on stderr what it
    /// waits for when that takes more than 2 s.
    void retire(operation& asked) noexcept;
    /// Collects what the kernel has completed by now, for operations that must not wait.
    void collect_now() noexcept;
    /// Submits all, and waits until every operation of this record has completed, but at most 2 s: reports on stderr what
    /// has not.
    void retire(descriptor& record) noexcept;

    void task_started(root_task& task) noexcept;
    void task_finished(root_task& task) noexcept;
    void task_gone(root_task& task) noexcept;
    /// Has an exception leave through run().
    void rethrow_in_run(std::exception_ptr exception) noexcept;

    /// What handles and work guards refer to.
    [[nodiscard]] const context_ref& self() const noexcept { return self_; }
    void guard_acquired() noexcept { guards_.fetch_add(1, std::memory_order_relaxed); }
    /// Inside context_life::enter().
    void guard_released() noexcept;

private:
    class attendance;
    class ownership;
    friend class ownership;

    class error_handler {
    public:
        virtual ~error_handler() = default;
        virtual void operator()(const task_failure& failure) = 0;

        owned<error_handler> replaced;  // the handler before this one, if that is still being called
    };

    std::size_t run_turns(time_point deadline, std::size_t limit, bool may_wait, const char* call);
    std::size_t turn(time_point deadline, std::size_t limit, bool may_wait, const char* call);
    std::size_t resume_ready(std::size_t limit);
    void reap_finished();
    void enter(unsigned wait, time_point deadline);
    int enter_or_pause(unsigned wait, time_point deadline) noexcept;
    void pause_loop(time_point deadline) noexcept;
    unsigned collect() noexcept;
    void dispatch(const io_uring_cqe& cqe) noexcept;
    void fetch_portion() noexcept;
    void serve_starved() noexcept;
    void submit_deferred() noexcept;
    void submit_cancels() noexcept;
    void repeat_cancels() noexcept;
    bool try_submit(operation& asked) noexcept;
    [[nodiscard]] io_uring_sqe* slot() noexcept;
    bool ask_to_cancel(operation& asked) noexcept;
    template <class IsOver>
    bool enter_until(const IsOver& is_over, time_point deadline) noexcept;
    void enter_for_cancels(time_point deadline) noexcept;
    template <class F>
    void for_each_listed(const descriptor& record, const F& each) noexcept;
    void wake_poll_ended(int result) noexcept;
    [[nodiscard]] bool has_work() const noexcept;
    void arm_wake() noexcept;

    void adopt(const char* call);
    void open_ring();
    void disown() noexcept;
    bool settle(time_point deadline) noexcept;
    void abort_in_kernel() noexcept;
    void leave_stuck() noexcept;
    void part_from_frames() noexcept;
    void give_up(operation& asked) noexcept;
    [[nodiscard]] std::size_t count_stuck(const descriptor& record) noexcept;
    void report_in_flight() noexcept;
    void report_by_default(const task_failure& failure) noexcept;
    void report_lost(const std::exception_ptr& exception) noexcept;
    void report_untaken() noexcept;
    void install(owned<error_handler> handler) noexcept;

    context_ref self_;  // destroyed last: destructors of members may post, or use handles
    intrusive_list<node> ready_;
    intrusive_list<node> batch_;  // what is being resumed in this turn
    std::size_t work_ = 0;        // unfinished tasks, and waits of coroutines that are not tasks
    std::size_t in_kernel_ = 0;   // operations whose last completion is still to come
    static constexpr unsigned collected_when_quiet = 2;
    static constexpr unsigned sent_directly_max = 64;
    static constexpr unsigned probes_max = 16;
    unsigned probes_ = 0;
    unsigned collected_ = 0;      // by the last turn
    counters counts_;             // but for what the ring and the pool count
    std::uint64_t busy_max_ = 0;  // in ticks
    std::uint64_t first_tick_;    // when the context was made, by the one clock
    steady_clock::time_point first_time_ = steady_clock::now();  // and by the other
    unsigned sent_directly_ = 0;                                 // in this iteration
    owned<ring::ring> ring_;
    static constexpr std::size_t pools_count = 5;
    std::size_t held_[2] = {};               // of streams, of datagrams
    owned<buffer_pool> pools_[pools_count];  // by group; what records have received is in them
    owned<descriptor_table> descriptors_;
    inbox inbox_;
    std::atomic<bool> stopped_{false};
    std::atomic<long> guards_{0};
    std::atomic<const void*>& owner_ =
        owner_record().thread;            // the thread that may enter; changes under the lock of `ownership`
    intrusive_list<operation> deferred_;  // found no slot
    intrusive_list<operation> cancels_;   // to be cancelled, found no slot
    intrusive_list<operation> paused_;    // their next step waits for a timer
    intrusive_list<operation> stuck_;     // a former ring has not let go of them
    intrusive_list<operation> cancelling_;  // the kernel was asked to cancel them, and has not ended them yet
    time_point cancel_retry_at_ = time_point::max();  // when the cancels of these are repeated, at the latest
    std::chrono::milliseconds cancel_pause_{1};       // until then, the next time
    time_point wake_retry_at_ = time_point::max();    // when a poll for wakes that was refused is armed again
    std::chrono::milliseconds wake_pause_{1};
    unsigned refusals_ = 0;          // enters that were refused one after the other
    intrusive_list<node> finished_;  // tasks to be destroyed
    root_task* newest_ = nullptr;
    environment foreign_{*this, true};
    std::exception_ptr thrown_;
    owned<error_handler> on_error_;
    time_point reports_since_;
    unsigned reports_ = 0;
    unsigned reports_suppressed_ = 0;
    unsigned handler_depth_ = 0;           // calls of on_error_ that have not returned
    std::atomic<bool> is_running_{false};  // written by the owner, read by the destructor on any thread
    bool closing_ = false;
    bool is_leaving_ = false;  // its thread ends, and settles it; under the lock of `ownership`
    bool is_stuck_ = false;  // a former ring has not let go of some operations: their frames are never freed
    bool settling_ = true;   // nothing new goes to the kernel: there is no owner, or it is leaving
    bool is_pool_exhausted_ = false;  // one of its pools
    bool bulk_pool_wanted_ = false;   // once; there may be none
    bool wake_armed_ = false;
    bool cancel_missed_ = false;  // the kernel did not find the target of a cancel, or could not end it
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
            context.rethrow_in_run(std::current_exception());
        }
        abandon();
        return nullptr;
    }

    // A destructor that throws is reported as an exception of the function.
    void abandon() noexcept override {
        io_context& context = *context_;
        try {
            this->~posted_function();
        } catch (...) {
            context.rethrow_in_run(std::current_exception());
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
    class holder final : public error_handler {
    public:
        explicit holder(Handler&& given) : handler_(std::forward<Handler>(given)) {}
        void operator()(const task_failure& failure) override { handler_(failure); }

    private:
        std::decay_t<Handler> handler_;
    };
    check_thread("io_context::on_task_error");
    install(make_owned<holder>(std::forward<Handler>(handler)));
}

/// Keeps run() running while there is no task, until it is destroyed or reset. From any thread.
/// A post that comes before the reset, on the same thread, runs before run() returns.
/// Lifetime: may outlive its context; reset() is a no-op then.
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
