// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <coil/base/error.hpp>
#include <coil/base/intrusive_list.hpp>
#include <coil/base/owned.hpp>
#include <coil/base/time.hpp>
#include <coil/coro/affinity.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/scheduler.hpp>
#include <coil/coro/task_failure.hpp>
#include <coil/loop/buffer_pools.hpp>
#include <coil/loop/context_options.hpp>
#include <coil/loop/context_ref.hpp>
#include <coil/loop/inbox.hpp>
#include <coil/loop/submission.hpp>
#include <coil/loop/task_list.hpp>
#include <coil/loop/timers.hpp>

struct io_uring_cqe;
struct io_uring_sqe;

namespace coil::COIL_ABI {

namespace ring {
class kernel;
class ring;
}  // namespace ring

namespace detail {

class descriptor_table;

/// The internal part of an io_context, used by operations, handles, tasks and timers. Only `io_context`
/// derives from this class, and adds the functions that users call.
class event_loop : public scheduler {
public:
    event_loop(const event_loop&) = delete;
    event_loop& operator=(const event_loop&) = delete;

    /// Returns the current time of the monotonic clock that all deadlines use.
    [[nodiscard]] time_point now() const noexcept;
    [[nodiscard]] bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }

    void schedule(node& item) noexcept final { ready_.push_back(item); }
    void post(node& item) noexcept final;
    void work_started() noexcept final { ++work_; }
    void work_finished() noexcept final { --work_; }
    void report(const task_failure& failure) noexcept final;

    /// Returns the loop on which a task with this environment runs.
    static event_loop& of(const environment& task) noexcept {
        return static_cast<event_loop&>(task.scheduler());
    }
    /// Returns the environment shared by all coroutines that are not tasks. It is never stopped.
    [[nodiscard]] environment& foreign_environment() noexcept { return foreign_; }
    [[nodiscard]] ring::kernel& kernel() const noexcept;
    [[nodiscard]] descriptor_table& descriptors() const noexcept { return *descriptors_; }
    [[nodiscard]] bool is_closing() const noexcept { return closing_; }
    /// Returns true if the calling thread owns this loop.
    [[nodiscard]] bool is_owner() const noexcept;
    /// Throws error::wrong_thread if the waiting coroutine runs on a thread other than the owner's. Only
    /// coroutines that are not tasks need this check, because a task always runs on its context's thread.
    void check_thread(const awaited& waiting) const {
        if (&waiting.env() == &foreign_ && !is_mine()) [[unlikely]]
            throw_wrong_thread(waiting.describe(), owner());
    }
    void check_thread(const char* call) const {
        if (!is_mine()) [[unlikely]]
            throw_wrong_thread(call, owner());
    }

    /// Returns true if a direct system call is likely to be faster than the ring, that is, if the last
    /// iteration collected few completions. With only one or two operations in flight, the ring saves
    /// nothing, and waiting for the next iteration adds latency. However, if this iteration has already sent
    /// many messages directly, as in a broadcast, returns false. If the kernel does not batch, the ring never
    /// saves anything, so the function always returns true.
    [[nodiscard]] bool is_quiet() const noexcept {
        return !is_batched_ || (collected_ <= collected_when_quiet && sent_directly_ < sent_directly_max);
    }
    // The functions whose names begin with count_ increment the counters for metrics().
    void count_direct_send() noexcept {
        ++counts_.sends_direct;
        ++sent_directly_;
    }
    /// Called before a send opens a probe. A probe is a second socket that is connected to the receiver and
    /// polled for buffer space. Returns false if too many probes are already open. Without this limit,
    /// receivers that do not read could use up all descriptors.
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
    [[nodiscard]] const context_options& chosen() const noexcept { return options_; }
    void arm(timer_entry& timer, time_point deadline) noexcept { timers_.arm(timer, deadline); }

    /// Returns the object that submits this context's operations to the ring.
    [[nodiscard]] submission& submissions() noexcept { return submissions_; }

    [[nodiscard]] buffer_pools& pools() noexcept { return pools_; }
    [[nodiscard]] task_list& tasks() noexcept { return tasks_; }

    /// Returns the reference to this context. Handles and work guards hold copies of this reference.
    [[nodiscard]] const context_ref& self() const noexcept { return self_; }
    void guard_acquired() noexcept { guards_.fetch_add(1, std::memory_order_relaxed); }
    /// Called when a work guard is released. Call this only between context_life::enter() and leave().
    void guard_released() noexcept;

protected:
    event_loop(owned<ring::kernel> kernel, const context_options& chosen);
    /// The derived class must call tear_down() before this destructor runs.
    virtual ~event_loop();

    /// Ends all tasks and operations. Called by ~io_context.
    void tear_down();

    class run_scope;
    class ownership;
    friend class buffer_pools;  // it registers buffers
    friend class submission;    // it enters the ring and collects while it waits for cancelled operations
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

    context_ref self_;  // destroyed last, because destructors of other members may post or use handles
    intrusive_list<node> ready_;
    intrusive_list<node> batch_;  // the nodes that this iteration resumes
    // The number of unfinished tasks, plus the number of waits of coroutines that are not tasks.
    std::size_t work_ = 0;
    static constexpr unsigned collected_when_quiet = 2;
    static constexpr unsigned sent_directly_max = 64;
    static constexpr unsigned probes_max = 16;
    unsigned probes_ = 0;
    unsigned collected_ = 0;      // completions collected by the last iteration
    context_counters counts_;     // except the counters that the ring and the pools keep
    std::uint64_t busy_max_ = 0;  // in ticks
    std::uint64_t first_tick_;    // read at construction
    steady_clock::time_point first_time_ = steady_clock::now();  // the time of first_tick_
    unsigned sent_directly_ = 0;                                 // sends in this iteration
    owned<ring::ring> ring_;
    buffer_pools pools_{*this};  // destroyed after the records, which hold chunks
    owned<descriptor_table> descriptors_;
    inbox inbox_;
    std::atomic<bool> stopped_{false};
    std::atomic<long> guards_{0};
    // The thread that may enter the ring, or null. Changed only while ownership::lock() is held, except in
    // the destructor.
    std::atomic<const void*>& owner_ = owner_record().thread;
    submission submissions_{*this};
    task_list tasks_{*this};
    time_point wake_retry_at_ = time_point::max();  // when a refused wake-up poll is submitted again
    std::chrono::milliseconds wake_pause_{1};
    unsigned refusals_ = 0;  // how many times in succession the kernel has refused io_uring_enter
    environment foreign_{*this, true};
    std::atomic<bool> is_running_{false};  // written by the owner, read by the destructor on any thread
    bool has_run_ = false;
    bool closing_ = false;
    bool is_leaving_ = false;  // the owner's thread ends and settles the loop; guarded by ownership::lock()
    bool wake_armed_ = false;
    bool is_batched_;  // see ring::kernel::is_batched()
    context_options options_;
    event_loop* next_owned_ = nullptr;  // the next loop in the list of `ownership`
    timer_queue timers_;
};

}  // namespace detail
}  // namespace coil::COIL_ABI
