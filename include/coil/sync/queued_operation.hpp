// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <string>
#include <system_error>

#include <coil/base/error.hpp>
#include <coil/base/intrusive_list.hpp>
#include <coil/coro/affinity.hpp>
#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI::detail {

/// An operation that waits in a FIFO queue. It is the base class of the operations on event, mutex, semaphore
/// and channel. Each operation contains its own list links, so a queue never allocates.
///
///     initial  --grant-->    granted           completes without waiting
///     initial  --wait_in-->  waiting
///     waiting  --grant-->    granted           resumed in the next iteration; a stop no longer has an effect
///     waiting  --stop-->     failed            operation_aborted
///     initial, waiting  --fail-->  failed      refused in a stopped scope, or channel closed
///     granted  --take-->     taken             the awaiting coroutine owns the grant
///     granted  --destroyed                     the derived class's destructor gives the grant back
class queued_operation : public awaited {
public:
    using queue = intrusive_list<queued_operation>;

    /// Grants the operation what it waits for. A suspended operation resumes in the next iteration.
    void grant() noexcept { end(state::granted); }
    void fail(error::code error) noexcept {
        error_ = error;
        end(state::failed);
    }
    void stop() noexcept final {
        if (state_ == state::waiting)
            fail(error::operation_aborted);
    }

    /// Called by the destructor of an event, mutex, semaphore or channel. If operations are still waiting,
    /// reports the mistake and fails these operations with operation_aborted. `mistake` says what the caller
    /// did wrong and how to fix it.
    static void abandon_all(queue& waiting, const char* mistake) noexcept;

    /// If the scheduler of `object` has ended, empties the queue, because the waiters are orphans and never
    /// resume.
    static void drop_orphans(queue& waiting, const affinity& object) noexcept {
        while (object.has_ended() && !waiting.empty()) [[unlikely]]
            waiting.pop_front();
    }

protected:
    explicit queued_operation(environment& task) noexcept : awaited(task) {}
    ~queued_operation() override = default;

    /// Returns true if this operation may complete inline. Returns false if its scope is stopped, or if the
    /// budget for inline completions is used up.
    [[nodiscard]] bool may_complete_inline() const noexcept {
        return !env().stop_requested() && env().scheduler().may_complete_inline();
    }

    /// Returns true if the task may await `object`, and false if the object belongs to another context. Call
    /// this before any other check.
    template <class IsInUse>
    [[nodiscard]] bool is_admitted(affinity& object, IsInUse&& is_in_use) noexcept {
        return object.admits(env().scheduler(), is_in_use);
    }

    /// Suspends the awaiting coroutine. Call this first in await_suspend. Returns false if the await was
    /// refused because the scope is stopped. Throws error::wrong_context if the object belongs to another
    /// context.
    template <class IsInUse>
    [[nodiscard]] bool enter(std::coroutine_handle<> waiter, affinity& object, IsInUse&& is_in_use) {
        if (!is_admitted(object, is_in_use)) [[unlikely]]
            object.refuse(*this);
        suspend(waiter);
        if (!is_refused())
            return true;
        fail(error::operation_aborted);
        return false;
    }
    void wait_in(queue& place) noexcept {
        state_ = state::waiting;
        place.push_back(*this);
    }

    /// Ends the await and returns its error. If there is no error, the awaiting coroutine now owns the grant.
    [[nodiscard]] std::error_code take() noexcept {
        if (state_ == state::failed)
            return error_;
        state_ = state::taken;
        return {};
    }
    [[nodiscard]] bool is_untaken() const noexcept { return state_ == state::granted; }

private:
    enum class state : unsigned char { initial, waiting, granted, failed, taken };

    void end(state reached) noexcept {
        state_ = reached;
        if (is_suspended())
            env().scheduler().schedule(*this);  // also removes the operation from its queue
    }

    state state_ = state::initial;
    error::code error_{};
};

}  // namespace coil::COIL_ABI::detail
