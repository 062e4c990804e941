// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <cerrno>
#include <exception>
#include <mutex>
#include <pthread.h>
#include <unistd.h>

#include <coil/loop/buffer_pool.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/event_loop.hpp>
#include <coil/loop/operation.hpp>

#include "base/process.hpp"
#include "base/report.hpp"
#include "coro/this_thread.hpp"
#include "loop/context_life.hpp"
#include "loop/descriptor_table.hpp"
#include "loop/patience.hpp"
#include "loop/run_scope.hpp"
#include "loop/ticks.hpp"
#include "ring/ring.hpp"

// This file contains the code that binds a context to a thread, releases it from the thread, and ends it.
//
//     made --run()--> owned by a thread --thread ends--> no owner: any thread may run() or destroy it
//                                       --destroyed by its owner
//                                       --destroyed by another thread: close the ring, wait for the kernel

namespace coil::COIL_ABI::detail {
// The list of contexts that have an owner. It needs a lock, because any thread may destroy a context. The
// lock is taken only when a context gets or loses its thread. It is not held while a context settles or
// closes, which may take seconds. A context that leaves its thread is therefore first marked with
// is_leaving_, and keeps its owner and its position in the list until it has left.
class event_loop::ownership {
public:
    static std::mutex& lock() noexcept {
        static std::mutex instance;
        return instance;
    }

    /// If the owner's thread is ending and is still settling the context, waits until the context is settled.
    /// Does not wait in a child of fork(2), because the owner's thread does not exist there.
    static void wait_until_left(std::unique_lock<std::mutex>& held, const event_loop& context) noexcept {
        while (context.is_leaving_ && !context.ring_->is_lost()) {
            const unsigned seen = departures().load(std::memory_order_relaxed);
            held.unlock();
            departures().wait(seen, std::memory_order_relaxed);
            held.lock();
        }
    }

    // Registers handlers that hold the lock during fork(2). Otherwise a thread that exists only in the parent
    // could hold the lock in the child. These handlers are registered after the ring's handlers, so before a
    // fork they run first. The ring's lock is then taken while this lock is held, as in adopt().
    static void handle_forks() {
        static const int refusal = ::pthread_atfork([] { lock().lock(); }, [] { lock().unlock(); },
                                                    [] {
                                                        lose_leaving();
                                                        lock().unlock();
                                                    });
        if (refusal != 0)
            throw_failure(system_error_code(refusal), "pthread_atfork");
    }

    static void add(event_loop& context) noexcept {
        static thread_local at_thread_exit guard;
        static_cast<void>(&guard);
        context.owner_record().thread_number.store(::gettid(), std::memory_order_relaxed);
        context.owner_.store(this_thread(), std::memory_order_relaxed);
        context.next_owned_ = std::exchange(first(), &context);
    }

    static void remove(event_loop& context) noexcept {
        for (event_loop** at = &first(); *at; at = &(*at)->next_owned_) {
            if (*at == &context) {
                *at = context.next_owned_;
                break;
            }
        }
        context.next_owned_ = nullptr;
    }

private:
    // When a thread exits, the kernel ends the operations that the thread has submitted. Before the thread
    // exits, this destructor therefore settles each context that the thread owns: it cancels the context's
    // operations in the kernel, collects their results, and closes the ring.
    struct at_thread_exit {
        ~at_thread_exit() {
            std::unique_lock held(lock());
            while (event_loop* context = owned_by_this_thread()) {
                context->is_leaving_ = true;
                // If the context is still in run(), exit() was called in a task, so the context's tasks never
                // continue. Setting the id to 0 unbinds the objects that these tasks hold or wait for, such
                // as a mutex.
                if (context->is_running_.load(std::memory_order_relaxed))
                    context->owner_record().id.store(0, std::memory_order_relaxed);
                held.unlock();
                context->disown();
                held.lock();
                remove(*context);
                context->is_leaving_ = false;
                context->owner_.store(nullptr, std::memory_order_relaxed);
                departures().fetch_add(1, std::memory_order_relaxed);
                departures().notify_all();
            }
        }
    };

    // Called in a child of fork(2). Gives up the rings of contexts that were leaving their threads. These
    // threads exist only in the parent, and the fork may have happened between any two of their steps.
    static void lose_leaving() noexcept {
        for (event_loop* each = first(); each; each = each->next_owned_)
            if (each->is_leaving_)
                each->ring_->lose();
    }

    static event_loop* owned_by_this_thread() noexcept {
        event_loop* context = first();
        // Skips contexts that are leaving their thread. In a child of fork(2), the owner of these contexts
        // exists only in the parent, but this_thread() may by chance return the address stored in owner_.
        while (context &&
               (context->is_leaving_ || context->owner_.load(std::memory_order_relaxed) != this_thread()))
            context = context->next_owned_;
        return context;
    }

    // Counts the contexts that have left their threads. The count is not a member of the context, because the
    // context may be destroyed before a thread that waits on the count has woken up.
    static std::atomic<unsigned>& departures() noexcept {
        static constinit std::atomic<unsigned> count{0};
        return count;
    }

    static event_loop*& first() noexcept {
        static event_loop* instance = nullptr;
        return instance;
    }
};

event_loop::run_scope::run_scope(event_loop& context, const char* call) : context_(context) {
    context_.adopt(call);
    // Refuses nested loops. A run() inside a task, for example, would never end, because the task counts as
    // work until run() returns.
    if (context_.is_running_.load(std::memory_order_relaxed))
        throw_failure(error::already_running, call);
    context_.is_running_.store(true, std::memory_order_relaxed);
    context_.ring_->set_in_run(true);
}

event_loop::run_scope::~run_scope() {
    context_.is_running_.store(false, std::memory_order_relaxed);
    context_.submissions_.flush();
    if (context_.ring_->unsubmitted() > 0)
        context_.ring_->enter(0);
    // The completions of this last enter() may contain new descriptors. Collect them now, because the next
    // thread that runs the context may not be able to enter the ring.
    context_.collect();
    context_.ring_->set_in_run(false);
}

event_loop::event_loop(owned<ring::kernel> kernel, const context_options& chosen)
    : self_(new context_life(*this)),
      first_tick_(ticks()),
      ring_(make_owned<ring::ring>(std::move(kernel))),
      descriptors_(make_owned<descriptor_table>(*this)),
      is_batched_(ring_->behind().is_batched()),
      options_(chosen),
      timers_(ring_->behind().now()) {
    ownership::handle_forks();
    this_process::count_forks();
    ring_->open({options_.entries, options_.completions});
}

bool event_loop::is_owner() const noexcept { return owner_.load(std::memory_order_relaxed) == this_thread(); }

// Makes the calling thread the owner.
void event_loop::adopt(const char* call) {
    if (ring_->is_lost())
        throw_failure(error::wrong_process, call);
    if (is_owner())
        return;
    std::unique_lock held(ownership::lock());
    ownership::wait_until_left(held, *this);
    if (owner_.load(std::memory_order_relaxed))
        throw_wrong_thread(call, owner());
    if (!ring_->is_open())
        open_ring();
    ring_->enable();
    has_run_ = true;
    submissions_.set_accepting(true);
    ownership::add(*this);
    // From now on, the owner's posts go directly to the ready list. They must not overtake earlier posts in
    // the inbox.
    inbox_.drain(ready_);
    arm_wake();
}

// Opens a new ring after the previous ring was closed. If the new ring cannot register all pools, the new
// ring is closed again, so that the next run() opens another ring.
void event_loop::open_ring() {
    ring_->open({options_.entries, options_.completions});
    try {
        pools_.reopen();
    } catch (...) {
        ring_->close(false, now());
        throw;
    }
}

// Called by the owner's thread before the thread ends. Ends the operations in the kernel. If an operation has
// a result so far, it keeps this result. Otherwise it ends with operation_aborted. The next owner resumes the
// tasks of these operations, and submits the operations that the kernel has not seen yet.
void event_loop::disown() noexcept {
    if (ring_->is_lost())
        return;  // in a child of fork(2), where operations in flight belong to the parent
    submissions_.settle(now() + patience);
    const bool released = ring_->close(submissions_.in_kernel() > 0, now() + patience);
    wake_armed_ = false;
    if (released) {
        submissions_.abort_in_kernel();
    } else {
        submissions_.report_in_flight();
        submissions_.leave_stuck();
    }
}

event_loop::~event_loop() = default;

void event_loop::tear_down() {
    const bool was_running = is_running_.load(std::memory_order_relaxed);
    // A running context without an owner means that exit() was called in a task, and the thread-exit guard
    // has already released the context. A lost ring means that this is a child of fork(2), and the parent
    // runs the context. In both cases the program does not abort, and the tasks' frames stay allocated.
    if (was_running && owner_.load(std::memory_order_relaxed) && !ring_->is_lost())
        precondition_failed(
            is_mine()
                ? "io_context: destroyed by a task or a posted function that it runs; let run() return "
                  "first (keep a shared_ptr to it outside of its tasks)"
                : "io_context: destroyed while another thread is in its run(); stop() it, and wait until "
                  "that thread has left run()");
    closing_ = true;
    const auto deadline = now() + patience;
    {
        std::unique_lock held(ownership::lock());
        ownership::wait_until_left(held, *this);
        ownership::remove(*this);
    }
    // True in a child of fork(2) if the owner's thread was ending in the parent and had not finished
    // disown(). The context's lists may then be inconsistent, so the frames stay allocated.
    const bool was_leaving = is_leaving_;
    const bool owned = owner_.load(std::memory_order_relaxed) != nullptr;
    if (owned && is_mine() && !ring_->is_lost())
        submissions_.settle(deadline - patience / 2);
    // A thread that is not the owner cannot enter the ring, but it can close the ring and see when the kernel
    // has released all operations. The owner's thread relies on this, too, if the kernel has refused
    // io_uring_enter and settle() could not end all operations.
    const bool released = ring_->close(owned && submissions_.in_kernel() > 0, deadline);
    const bool is_at_rest = !was_running && !was_leaving;
    const bool quiet = released && !submissions_.is_stuck() && is_at_rest;
    owner_.store(nullptr, std::memory_order_relaxed);
    submissions_.set_accepting(false);
    if (quiet)
        submissions_.abort_in_kernel();
    else if (!released && is_at_rest)
        submissions_.report_in_flight();

    // The destructors of abandoned nodes may post again.
    const auto abandon_posts = [this] {
        for (ready_.splice_front(batch_); inbox_.drain(ready_), !ready_.empty();)
            ready_.pop_front().abandon();
    };
    if (quiet)
        abandon_posts();
    // A task's frame contains the buffers of its operations, so no frame is freed while an operation is still
    // in the kernel.
    if (!ring_->is_lost())
        tasks_.report_untaken();  // for a lost context the parent reports them
    if (!has_run_ && tasks_.has_tasks() && std::uncaught_exceptions() == 0)
        coil::report({"an io_context was destroyed before its first run(); its tasks never began"});
    if (quiet)
        tasks_.destroy_all();
    if (quiet)
        abandon_posts();
    descriptors_->for_each([](descriptor& record) {
        if (record.source_)
            record.source_->close();
        record.close_number();
        if (descriptor_handle* handle = std::exchange(record.handle_, nullptr))
            handle->record_ = nullptr;
    });
    self_.life()->end();
    if (!quiet) {
        disconnect_frames();
        descriptor_table::leave(std::move(descriptors_));
        pools_.leave();
        static_cast<void>(ring_.release());
        return;
    }
    abandon_posts();
    COIL_PRECONDITION(
        work_ == 0,
        "io_context: destroyed while coroutines that are not tasks wait on it; let them end first");
}

// Called when the context ends but the tasks' frames stay allocated. Unlinks the join handles from their
// tasks and the streams from their sources, because handles and streams may be used or destroyed later, and
// must not access the context.
void event_loop::disconnect_frames() noexcept {
    tasks_.disconnect_all();
    descriptors_->for_each([](descriptor& record) {
        if (record.source_)
            record.source_->disconnect();
    });
}

}  // namespace coil::COIL_ABI::detail
