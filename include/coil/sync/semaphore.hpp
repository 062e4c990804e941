// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <cstddef>
#include <string>

#include <coil/base/outcome.hpp>
#include <coil/sync/queued_operation.hpp>

namespace coil::COIL_ABI {

/// So many permits, that tasks of one context take and give back: to bound how
/// many do something at a time. For one at a time, a `mutex` gives back by
/// itself; to pass values use a `channel`.
///
///     semaphore dials(10);
///     co_await dials.acquire();
///     co_await dial(endpoint);       // at most ten at a time
///     dials.release();
///
/// First come, first served: a permit is handed to the one who has waited
/// longest, and nobody overtakes him. Who releases need not be who acquired.
///
/// Threads:  one context.
/// Lifetime: outlives its waiters (asserted): declare it ahead of the context
/// on which they run. It doesn't move. Cost:     no allocation; waiters live in
/// the waiting coroutine's frame.
class semaphore {
public:
  explicit semaphore(std::size_t count) noexcept : available_(count) {}
  semaphore(const semaphore &) = delete;
  semaphore &operator=(const semaphore &) = delete;
  ~semaphore();

  class acquire_operation;
  class acquire_description;

  /// Takes a permit.
  ///
  /// Completes: at once if there is one, else on the next turn after one was
  /// handed over. Errors:    operation_aborted in a stopped scope: then none
  /// was taken. A cancel only ends the wait; one that comes
  ///            after the permit comes too late. Handed to a task that is
  ///            destroyed before its turn, it goes to the next.
  /// Overlap:   any number may wait.
  acquire_description acquire() noexcept;

  /// Takes a permit if there is one.
  [[nodiscard]] bool try_acquire() noexcept {
    if (available_ == 0)
      return false;
    --available_;
    return true;
  }

  /// Gives back, or adds, `count` permits.
  void release(std::size_t count = 1) noexcept;

  /// How many there are to take.
  [[nodiscard]] std::size_t available() const noexcept { return available_; }

private:
  queued_operation::line waiting_; // nobody, unless there is none available
  std::size_t available_;
};

// Implementation

class [[nodiscard]] semaphore::acquire_operation final
    : public queued_operation {
public:
  acquire_operation(semaphore &of, environment &task) noexcept
      : queued_operation(task), semaphore_(&of) {}
  acquire_operation(const acquire_operation &) = delete;
  acquire_operation &operator=(const acquire_operation &) = delete;
  ~acquire_operation() {
    if (is_untaken())
      semaphore_->release();
  }

  bool await_ready() noexcept {
    if (semaphore_->available() == 0 || !may_complete_inline() ||
        !semaphore_->try_acquire())
      return false;
    grant();
    return true;
  }
  void await_suspend(std::coroutine_handle<> waiter) noexcept;
  outcome<void> await_outcome() noexcept { return take(); }
  void await_resume() {
    if (const auto error = take())
      throw_failure(error, describe());
  }
  std::string describe() const override { return "acquire of a semaphore"; }

private:
  semaphore *semaphore_;
};

class [[nodiscard]] semaphore::acquire_description {
public:
  explicit acquire_description(semaphore &of) noexcept : semaphore_(&of) {}
  acquire_operation operation_in(environment &task) const noexcept {
    return {*semaphore_, task};
  }

private:
  semaphore *semaphore_;
};

inline semaphore::acquire_description semaphore::acquire() noexcept {
  return acquire_description(*this);
}

} // namespace coil::COIL_ABI
