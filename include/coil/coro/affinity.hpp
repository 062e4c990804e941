// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>
#include <string>

#include <coil/coro/environment.hpp>
#include <coil/coro/scheduler.hpp>

namespace coil::COIL_ABI {

/// The scheduler that an object belongs to, and with it the thread that may use the object. An object that is made
/// without a scheduler, as an `event` is, belongs to the scheduler of the task that awaits it first. Idle, it may change
/// to another scheduler of the same thread, or when its scheduler or that one's thread has ended.
///
/// Lifetime: it may outlive the scheduler: an object whose scheduler has ended is free again. Tasks that still wait for it
///           then are orphans: exit() in a task, or a stuck operation, has left their frames as they are, and the object
///           must neither resume nor report them.
/// Cost:     a load and a compare, each.
class affinity {
public:
    affinity() noexcept = default;
    explicit affinity(const scheduler& of) noexcept : owner_(&of.owner()), id_(of.id()) {}

    /// Whether a task of `task` may await the object. `is_in_use()`: whether a task waits for it, or holds it; asked only of
    /// an object that does not belong to `task`.
    template <class IsInUse>
    [[nodiscard]] bool admits(const scheduler& task, IsInUse&& is_in_use) noexcept {
        return id_ == task.id() || take_over(task, is_in_use());
    }
    /// Whether a task of `task` may await an object that never changes its scheduler.
    [[nodiscard]] bool admits(const scheduler& task) noexcept {
        return id_ == task.id() || take_over(task, true);
    }
    /// Throws error::wrong_context: `waiting` is of another scheduler.
    [[noreturn]] void refuse(const awaited& waiting) const;

    /// Ends the program with words if the calling thread may not use the object. `call` says what the caller did:
    /// "event: set()". For functions that cannot throw.
    void require_thread(const char* call) const noexcept {
        if (owner_)
            check_owner(call);
    }

    /// Throws error::wrong_thread if the calling thread may not use the object. `call` names the function: "channel::try_send".
    void check_thread(const char* call) const {
        if (owner_)
            check_owner_or_throw(call);
    }

    /// Whether it belonged to a scheduler that has ended, or that exit() in one of its tasks has given up.
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

/// Throws error::wrong_context. `what` is awaited by a task of `waiting`, and belongs to the scheduler of `object`.
[[noreturn]] void throw_wrong_context(const std::string& what, const environment& waiting,
                                      const scheduler_owner& object);

/// Throws error::wrong_thread. The text names `call`, the thread of the scheduler and the calling thread.
[[noreturn]] void throw_wrong_thread(const std::string& call, const scheduler_owner& owner);

}  // namespace coil::COIL_ABI
