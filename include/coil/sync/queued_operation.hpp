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

namespace coil::COIL_ABI {

/// A wait that stands in a line until somebody grants it: what the operations of event, mutex, semaphore and channel
/// have in common. It carries its own links, so a line allocates nothing.
///
///     asked    --grant-->    granted           there was no need to wait
///     asked    --wait_in-->  waiting
///     waiting  --grant-->    granted           resumed on the next turn; a stop comes too late
///     waiting  --stop-->     failed            operation_aborted
///     asked, waiting  --fail-->  failed        refused in a stopped scope, or closed
///     granted  --take-->     taken             the awaiting coroutine has it
///     granted  --destroyed                     nobody will take it: the derived class gives it back
class queued_operation : public awaited {
public:
    using line = intrusive_list<queued_operation>;

    /// What it waited for is its own; it is resumed on the next turn, if it was suspended.
    void grant() noexcept { end(state::granted); }
    void fail(error::code error) noexcept {
        error_ = error;
        end(state::failed);
    }
    void stop() noexcept final {
        if (state_ == state::waiting)
            fail(error::operation_aborted);
    }

    /// For the destructor of what they wait for: names the mistake, if any wait, and ends them with operation_aborted.
    /// `mistake` says what the caller did and the remedy.
    static void abandon_all(line& waiting, const char* mistake) noexcept;

    /// Takes the orphans out of the line of `object`: no scheduler is left that resumes them.
    static void forget_orphans(line& waiting, const affinity& object) noexcept {
        while (object.has_ended() && !waiting.empty()) [[unlikely]]
            waiting.pop_front();
    }

protected:
    explicit queued_operation(environment& task) noexcept : awaited(task) {}
    ~queued_operation() = default;

    /// Whether it may be granted without a suspension: not in a stopped scope, and a bounded number of times
    /// per resumption.
    [[nodiscard]] bool may_complete_inline() const noexcept {
        return !env().stop_requested() && env().scheduler().may_complete_inline();
    }

    /// Whether the task may await this object: false for one of another context. Checked before the object is touched.
    template <class IsInUse>
    [[nodiscard]] bool is_admitted(affinity& object, IsInUse&& is_in_use) noexcept {
        return object.admits(env().scheduler(), is_in_use);
    }

    /// First in await_suspend. False: it was refused. Throws error::wrong_context.
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
    void wait_in(line& place) noexcept {
        state_ = state::waiting;
        place.push_back(*this);
    }

    /// What the await ends with; what was granted is the awaiting coroutine's from here on.
    [[nodiscard]] std::error_code take() noexcept {
        if (state_ == state::failed)
            return error_;
        state_ = state::taken;
        return {};
    }
    [[nodiscard]] bool is_untaken() const noexcept { return state_ == state::granted; }

private:
    enum class state : unsigned char { asked, waiting, granted, failed, taken };

    void end(state reached) noexcept {
        state_ = reached;
        if (is_suspended())
            env().scheduler().schedule(*this);  // leaves the line
    }

    state state_ = state::asked;
    error::code error_{};
};

}  // namespace coil::COIL_ABI
