// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <coil/base/assert.hpp>
#include <coil/base/outcome.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/frame_allocator.hpp>
#include <coil/coro/result_slot.hpp>
#include <coil/coro/task.hpp>
#include <coil/sync/handover.hpp>

namespace coil::COIL_ABI {

template <class T>
class one_shot_completer;

namespace detail {

template <class T>
struct one_shot_description;

struct keep_the_completer {};  // this name appears in the compiler's error message

class one_shot_waiter;

/// The state shared by a one_shot and its completer. The derived class holds the value.
class one_shot_state : public handover {
public:
    /// Called when the one_shot is destroyed.
    void close() noexcept;

    bool promised = false;  // a completer has been handed out
    bool taken = false;     // the value has been taken
    // If the completion has no value, either `error` or `exception` is set. Until the completion, only the
    // completer accesses these two members.
    std::error_code error;
    std::exception_ptr exception;
};

template <class T>
class one_shot_value final : public one_shot_state {
public:
    static one_shot_value* make() {
        static_assert(alignof(one_shot_value) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
        return new (frame_allocate(sizeof(one_shot_value))) one_shot_value;
    }

    T take() {
        if (exception) [[unlikely]]
            std::rethrow_exception(std::exchange(exception, nullptr));
        return slot.take();
    }

    result_slot<T> slot;

private:
    one_shot_value() noexcept = default;
    ~one_shot_value() override = default;

    void discard() noexcept override {
        this->~one_shot_value();
        frame_deallocate(this, sizeof(one_shot_value));
    }
};

/// An operation that waits for a one_shot.
class one_shot_waiter : public awaited {
public:
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept;
    void stop() noexcept override;
    std::string describe() const override { return "one_shot"; }

protected:
    one_shot_waiter(one_shot_state* from, environment& task) noexcept : awaited(task), state_(from) {}
    ~one_shot_waiter() override;

    /// Ends the wait. If the wait has failed with an error code, returns null. Otherwise, returns the
    /// completed state, which holds a value or an exception.
    [[nodiscard]] one_shot_state* completion() noexcept;
    [[nodiscard]] std::error_code error() const noexcept { return error_; }

private:
    friend class one_shot_state;

    void give_up(error::code why) noexcept;

    one_shot_state* state_;
    std::error_code error_;
    bool owns_ = false;  // the one_shot was destroyed and has passed its reference to this wait
};

}  // namespace detail

/// A single value that is supplied later, for example by a C library's callback or by another thread.
/// To compute the value on a pool thread, use `offload`. To pass many values, use a `channel`.
///
///     coil::one_shot<int> answer;
///     start_lookup(name, [](int r, void* user) { coil::one_shot<int>::completer::from(user).set_value(r); },
///                  answer.get_completer().release());
///     int r = co_await answer.wait();
///
/// T may be void or a reference.
///
/// Threads:  use the one_shot and its waits only on the waiting task's thread. The completer may be used on
///           any thread.
/// Lifetime: the one_shot and the completer may be destroyed in either order. The completer may outlive the
///           task and its context; a value that is set later is dropped. If the one_shot is destroyed first,
///           a pending wait fails with operation_aborted. Movable, even while a wait is pending.
/// Cost:     one recycled block, so no allocation in steady state. The block goes to the free lists of the
///           thread that drops the last reference. This is the waiting thread, unless the wait was stopped
///           before the completion. Completing from another thread costs as much as io_context::post(): a
///           lock-free push, and one wake-up if the loop's inbox was empty.
template <class T = void>
class [[nodiscard("keep it")]] one_shot {
public:
    using completer = one_shot_completer<T>;

    one_shot() : state_(detail::one_shot_value<T>::make()) {}
    one_shot(one_shot&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    one_shot& operator=(one_shot&& other) noexcept {
        one_shot(std::move(other)).swap(*this);
        return *this;
    }
    ~one_shot();

    void swap(one_shot& other) noexcept { std::swap(state_, other.state_); }

    /// Returns the completer. May be called only once.
    [[nodiscard("keep it: dropping it breaks the promise")]] completer get_completer() noexcept;

    /// Returns true if a result has been set, so that a wait would complete in the next iteration.
    [[nodiscard]] bool done() const noexcept { return state_ && state_->is_complete(); }

    /// Waits for the value, and moves the value out of the one_shot.
    ///
    /// Completes: in the loop iteration after the value has been set, or in the next iteration if the value
    ///            was set before the wait.
    /// Errors:    the error or exception that the completer sets; broken_promise if the completer was
    ///            destroyed without completing, or if the value has already been taken;
    ///            operation_in_progress if another wait is pending.
    /// Cancel:    operation_aborted, unless the one_shot was completed first. After a cancelled wait, you may
    ///            wait again.
    detail::one_shot_description<T> wait() noexcept;

private:
    detail::one_shot_value<T>* state_;
};

/// Completes a `one_shot`. If the completer is destroyed without completing, the wait fails with
/// error::broken_promise.
///
/// Threads:  any, but only one at a time.
/// Lifetime: independent of the one_shot. A value that is never received is destroyed on the thread that
///           drops the last reference.
template <class T>
class [[nodiscard("keep it: dropping it breaks the promise")]] one_shot_completer {
public:
    one_shot_completer(one_shot_completer&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    one_shot_completer& operator=(one_shot_completer&& other) noexcept {
        one_shot_completer(std::move(other)).swap(*this);
        return *this;
    }
    ~one_shot_completer();

    void swap(one_shot_completer& other) noexcept { std::swap(state_, other.state_); }

    /// Returns true if this object can still complete a one_shot. Returns false after the one_shot has been
    /// completed, and after this object has been moved from or released.
    [[nodiscard]] explicit operator bool() const& noexcept { return state_ != nullptr; }
    template <class = detail::keep_the_completer>
    explicit operator bool() const&& = delete;

    /// Completes the one_shot with a value constructed from the argument. If T is void, pass no argument. If
    /// the construction throws, nothing changes.
    template <class... Value>
        requires(std::is_void_v<T> ? sizeof...(Value) == 0
                                   : sizeof...(Value) == 1 && (std::convertible_to<Value, T> && ...))
    void set_value(Value&&... value);
    /// Completes the one_shot with an error code, which the wait throws as a `std::system_error`. `error`
    /// must not be 0.
    void set_error(std::error_code error) noexcept;
    /// Completes the one_shot with an exception, which the wait throws.
    void set_exception(std::exception_ptr exception) noexcept;

    /// release() converts the completer to a pointer, for the user data of a C callback. from() converts the
    /// pointer back to a completer. Call from() exactly once for each release().
    [[nodiscard]] void* release() noexcept { return std::exchange(state_, nullptr); }
    [[nodiscard]] static one_shot_completer from(void* released) noexcept {
        return one_shot_completer(static_cast<detail::one_shot_value<T>*>(released));
    }

private:
    friend class one_shot<T>;
    explicit one_shot_completer(detail::one_shot_value<T>* state) noexcept : state_(state) {}

    detail::one_shot_value<T>* state_;
};

// Implementation

namespace detail {

template <class T>
class [[nodiscard("co_await it")]] one_shot_operation final : public detail::one_shot_waiter {
public:
    one_shot_operation(detail::one_shot_value<T>* from, environment& task) noexcept
        : one_shot_waiter(from, task) {}

    T await_resume() {
        auto* value = taken();
        if (!value)
            throw_failure(error(), "one_shot");
        return value->take();
    }

    /// A `std::system_error` becomes the outcome's error; any other exception propagates.
    auto await_outcome() {
        auto* value = taken();
        const auto take = [value]() -> T { return value->take(); };
        return value ? detail::outcome_from<T>(take) : decltype(detail::outcome_from<T>(take))(error());
    }

private:
    detail::one_shot_value<T>* taken() noexcept {
        return static_cast<detail::one_shot_value<T>*>(completion());
    }
};

template <class T>
struct [[nodiscard("co_await it")]] one_shot_description : co_await_is_missing<T, one_shot_description<T>> {
    detail::one_shot_value<T>* from;

    one_shot_operation<T> operation_in(environment& task) const noexcept { return {from, task}; }
};

inline constexpr const char* completed_twice =
    "one_shot: completed twice, or by a moved-from completer; a completer sets one result";
}  // namespace detail

template <class T>
one_shot<T>::~one_shot() {
    if (state_)
        state_->close();
}

template <class T>
auto one_shot<T>::get_completer() noexcept -> completer {
    COIL_PRECONDITION(state_, "one_shot: get_completer() of a moved-from one_shot");
    COIL_PRECONDITION(!state_->promised,
                      "one_shot: get_completer() called twice; one completer sets the result");
    state_->promised = true;
    return completer(state_);
}

template <class T>
detail::one_shot_description<T> one_shot<T>::wait() noexcept {
    return {{}, state_};
}

template <class T>
one_shot_completer<T>::~one_shot_completer() {
    if (state_)
        set_error(make_error_code(error::broken_promise));
}

template <class T>
template <class... Value>
    requires(std::is_void_v<T> ? sizeof...(Value) == 0
                               : sizeof...(Value) == 1 && (std::convertible_to<Value, T> && ...))
void one_shot_completer<T>::set_value(Value&&... value) {
    COIL_PRECONDITION(state_, detail::completed_twice);
    if constexpr (!std::is_void_v<T>)
        state_->slot.return_value(std::forward<Value>(value)...);
    std::exchange(state_, nullptr)->complete();
}

template <class T>
void one_shot_completer<T>::set_error(std::error_code error) noexcept {
    COIL_PRECONDITION(state_, detail::completed_twice);
    COIL_PRECONDITION(error, "one_shot: set_error() with an error_code of 0; use set_value()");
    state_->error = error;
    std::exchange(state_, nullptr)->complete();
}

template <class T>
void one_shot_completer<T>::set_exception(std::exception_ptr exception) noexcept {
    COIL_PRECONDITION(state_, detail::completed_twice);
    COIL_PRECONDITION(exception, "one_shot: set_exception() with a null exception_ptr");
    state_->exception = std::move(exception);
    std::exchange(state_, nullptr)->complete();
}

static_assert(!std::is_aggregate_v<one_shot<>> && !std::is_aggregate_v<one_shot_completer<void>>);
static_assert(sizeof(detail::one_shot_operation<std::size_t>) <= 96);

}  // namespace coil::COIL_ABI
