// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>
#include <string>

#include <coil/coro/environment.hpp>
#include <coil/coro/scheduler.hpp>

namespace coil::COIL_ABI::detail {

/// Records the scheduler that an object belongs to, and therefore the thread that may use the object. An
/// object constructed without a scheduler, such as an `event`, belongs to the scheduler of the first task
/// that awaits it. If no task waits for an object or holds it, the object may move to another scheduler of
/// the same thread. If, in addition, no thread owns the object's current scheduler, the object may move to
/// any scheduler.
///
/// Lifetime: an object may outlive its scheduler. The next awaiter then binds the object to the awaiter's own
///           scheduler. At that time, tasks of the old scheduler may still be waiting for the object: their
///           frames were left behind by a call to exit() in a task, or by a stuck operation. The object must
///           neither resume nor report these tasks.
/// Cost:     each check is a load and a compare.
class affinity {
public:
    affinity() noexcept = default;
    explicit affinity(const scheduler& of) noexcept : owner_(&of.owner()), id_(of.id()) {}

    /// Returns true if a task that runs on the given scheduler may await the object. If so, binds the object
    /// to that scheduler. `is_in_use()` returns true if a task is waiting for the object or holds it. This
    /// function calls `is_in_use` only if the object does not belong to the given scheduler yet.
    template <class IsInUse>
    [[nodiscard]] bool admits(const scheduler& task, IsInUse&& is_in_use) noexcept {
        return id_ == task.id() || take_over(task, is_in_use());
    }
    /// Returns true if a task that runs on the given scheduler may await the object. Use this overload for
    /// objects that cannot move to another scheduler.
    [[nodiscard]] bool admits(const scheduler& task) noexcept {
        return id_ == task.id() || take_over(task, true);
    }
    /// Throws error::wrong_context because `waiting` belongs to a different scheduler from the object's.
    [[noreturn]] void refuse(const awaited& waiting) const;

    /// Prints a message and aborts if the calling thread may not use the object. `call` says what the caller
    /// did, such as "event: set()". Use this in functions that cannot throw.
    void require_thread(const char* call) const noexcept {
        if (owner_)
            check_owner(call);
    }

    /// Throws error::wrong_thread if the calling thread may not use the object. `call` is the name of the
    /// function, such as "channel::try_send".
    void check_thread(const char* call) const {
        if (owner_)
            check_owner_or_throw(call);
    }

    /// Returns true if the object's scheduler has ended, or if a task of that scheduler has called exit().
    [[nodiscard]] bool has_ended() const noexcept { return owner_ && !is_bound(); }

private:
    [[nodiscard]] bool is_bound() const noexcept {
        return owner_ && owner_->id.load(std::memory_order_relaxed) == id_;
    }
    void check_owner(const char* call) const noexcept;
    void check_owner_or_throw(const char* call) const;
    bool take_over(const scheduler& task, bool is_in_use) noexcept;

    const scheduler_owner* owner_ = nullptr;
    std::uint64_t id_ = 0;
};

/// Throws error::wrong_context because a task in `waiting` awaits `what`, which belongs to another scheduler.
/// `object` is the record of that other scheduler.
[[noreturn]] void throw_wrong_context(const std::string& what, const environment& waiting,
                                      const scheduler_owner& object);

/// Throws error::wrong_thread. The error text names `call`, the scheduler, its thread and the calling thread.
[[noreturn]] void throw_wrong_thread(const std::string& call, const scheduler_owner& owner);

}  // namespace coil::COIL_ABI::detail
