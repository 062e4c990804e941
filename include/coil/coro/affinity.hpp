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
/// that awaits it. An idle object may move to another scheduler of the same thread. If no thread owns its
/// current scheduler, it may move to any scheduler.
///
/// Lifetime: an object may outlive its scheduler. The next awaiter then binds the object to the awaiter's own
///           scheduler. Tasks that are still waiting for the object at that time are orphans: their frames
///           were left behind by a call to exit() in a task, or by a stuck operation. The object must neither
///           resume nor report them.
/// Cost:     each check is a load and a compare.
class affinity {
public:
    affinity() noexcept = default;
    explicit affinity(const scheduler& of) noexcept : owner_(&of.owner()), id_(of.id()) {}

    /// Returns true if a task of scheduler `task` may await the object. If so, binds the object to `task`.
    /// `is_in_use()` says whether a task is waiting for the object or holds it. It is called only if the
    /// object does not belong to `task` yet.
    template <class IsInUse>
    [[nodiscard]] bool admits(const scheduler& task, IsInUse&& is_in_use) noexcept {
        return id_ == task.id() || take_over(task, is_in_use());
    }
    /// Returns true if a task of scheduler `task` may await the object. Use it for objects that cannot move
    /// to another scheduler.
    [[nodiscard]] bool admits(const scheduler& task) noexcept {
        return id_ == task.id() || take_over(task, true);
    }
    /// Throws error::wrong_context because `waiting` belongs to another scheduler.
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

    /// Returns true if the object's scheduler has ended, or if one of its tasks has called exit().
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

/// Throws error::wrong_thread. The text names `call`, the scheduler's thread and the calling thread.
[[noreturn]] void throw_wrong_thread(const std::string& call, const scheduler_owner& owner);

}  // namespace coil::COIL_ABI::detail
