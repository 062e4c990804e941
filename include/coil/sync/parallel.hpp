// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include <coil/base/outcome.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/task.hpp>
#include <coil/coro/waker.hpp>

/// The common implementation of `when_all`, `when_any` and `first_success`. Several operations run
/// concurrently, each as a branch with its own stop scope. The awaiting coroutine resumes when all branches
/// have ended.

namespace coil::COIL_ABI::detail {

class parallel_operation;

/// The base class of a branch, with everything that does not depend on the operation's type.
///
///     idle --start--> running --its operation completes--> ended
class branch_base : public node {
public:
    branch_base(const branch_base&) = delete;
    branch_base& operator=(const branch_base&) = delete;

    void start();
    void request_stop() noexcept { scope_.request_stop(); }

    [[nodiscard]] bool has_failed() const noexcept { return has_failed_; }
    /// Returns true if the branch ended with operation_aborted because its scope was stopped.
    [[nodiscard]] bool was_stopped() const noexcept { return was_stopped_; }
    /// Returns true if the branch ended with an exception other than `std::system_error`. Such an exception
    /// counts as a bug in the program.
    [[nodiscard]] bool has_bug() const noexcept { return has_bug_; }
    [[nodiscard]] virtual std::error_code error() const noexcept = 0;
    /// Returns the exception that a failed task has thrown, or null.
    [[nodiscard]] virtual const std::exception_ptr& exception() const noexcept = 0;
    /// Returns the exception that rethrow() would throw, or null if it cannot be allocated.
    [[nodiscard]] virtual std::exception_ptr failure() const noexcept = 0;
    /// Throws the error of the failed branch.
    [[noreturn]] virtual void rethrow() const = 0;
    [[nodiscard]] virtual std::string describe() const = 0;

    std::coroutine_handle<> run() noexcept override { return std::exchange(first_, nullptr); }

protected:
    branch_base(parallel_operation& owner, std::size_t index) noexcept;
    ~branch_base() override = default;

    virtual bool is_ready() = 0;
    virtual void start_inner(std::coroutine_handle<> waiter) = 0;
    /// Stores the operation's outcome.
    virtual void collect() noexcept = 0;

    [[nodiscard]] environment& scope() noexcept { return scope_; }
    void failed(std::error_code error, bool is_returned) noexcept {
        has_failed_ = error && !is_returned;
        was_stopped_ = error == error::operation_aborted && scope_.stop_requested();
    }
    void failed_with_bug() noexcept { has_failed_ = has_bug_ = true; }

private:
    void end() noexcept;

    parallel_operation* owner_;
    environment scope_;
    detail::waker waker_;
    // The coroutine to start if the branch is a task. Like every new task, it starts in the next iteration of
    // the loop.
    std::coroutine_handle<> first_;
    std::size_t index_;
    bool has_failed_ = false;
    bool was_stopped_ = false;
    bool has_bug_ = false;
};

/// Runs several operations concurrently. When one of them ends, the derived class decides whether the others
/// continue.
class parallel_operation : public awaited {
public:
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter);

    void stop() noexcept override { stop_all(); }
    std::string describe() const override;

protected:
    static constexpr auto no_branch = static_cast<std::size_t>(-1);

    explicit parallel_operation(environment& task) noexcept : awaited(task) {}
    ~parallel_operation() override = default;

    [[nodiscard]] virtual std::size_t count() const noexcept = 0;
    [[nodiscard]] virtual branch_base& at(std::size_t index) const noexcept = 0;
    virtual void ended(std::size_t index) noexcept = 0;

    /// Stops every branch. Further calls are no-ops. A call before await_suspend() only records the stop,
    /// because the derived class may still be under construction. The branches then start in a stopped scope.
    void stop_all() noexcept;
    /// If branches ended with exceptions other than `std::system_error`, throws the exception of the one with
    /// the lowest index among these branches. The order in which the branches ended does not matter. Call
    /// this after all branches have ended.
    void rethrow_bug() const;

    /// Makes this operation wait for one more thing that is not a branch, such as a child of a task_group.
    void add_running() noexcept { ++running_; }
    /// Call this when a branch, or a wait counted by add_running(), has ended. If nothing is running any
    /// more, returns the waiting coroutine, which the caller must resume. Otherwise returns null.
    [[nodiscard]] std::coroutine_handle<> remove_running() noexcept;

private:
    friend class branch_base;

    void branch_ended(std::size_t index) noexcept;

    std::size_t running_ = 0;
    bool stops_all_ = false;
};

// Implementation

/// The constructor argument of a branch. It is a single object, so that `std::tuple` and `std::optional` can
/// construct the branch in place.
template <class D>
struct branch_seed {
    parallel_operation& owner;
    std::size_t index;
    D&& what;
};

template <description D>
class branch final : public branch_base {
public:
    using outcome_type = outcome_of<D>;
    using value_type = typename outcome_type::value_type;

    branch(const detail::branch_seed<D>& seed)
        : branch_base(seed.owner, seed.index), inner_(std::forward<D>(seed.what).operation_in(scope())) {}

    [[nodiscard]] outcome_type& result() noexcept { return *outcome_; }
    /// Returns the outcome. If it is a failure, it contains an exception whose text names the operation.
    [[nodiscard]] outcome_type& named_result() noexcept {
        detail::name_failure(*outcome_, inner_);
        return *outcome_;
    }

    std::error_code error() const noexcept override { return outcome_->error(); }
    const std::exception_ptr& exception() const noexcept override { return outcome_->exception(); }
    std::exception_ptr failure() const noexcept override {
        outcome_type copy = outcome_type(error(), outcome_->bytes_transferred(), exception());
        detail::name_failure(copy, inner_);
        return copy.exception();
    }
    [[noreturn]] void rethrow() const override {
        if (exception())
            std::rethrow_exception(exception());
        throw_failure(outcome_->error(), describe(), std::is_same_v<value_type, std::size_t>,
                      outcome_->bytes_transferred());
    }
    std::string describe() const override { return inner_.describe(); }

private:
    bool is_ready() override { return inner_.await_ready(); }
    void start_inner(std::coroutine_handle<> waiter) override { inner_.await_suspend(waiter); }

    void collect() noexcept override {
        try {
            outcome_.emplace(inner_.await_outcome());
        } catch (...) {
            outcome_.emplace(std::error_code(), 0, std::current_exception());
            return failed_with_bug();
        }
        failed(outcome_->error(), returns_its_error<D>);
    }

    operation_of<D> inner_;
    std::optional<outcome_type> outcome_;
};

/// A fixed number of branches, which may have different types.
template <class Base, description... D>
class fixed_branches : public Base {
protected:
    explicit fixed_branches(std::tuple<D...>&& what, environment& task)
        : fixed_branches(std::move(what), task, std::index_sequence_for<D...>()) {}

    template <std::size_t I>
    [[nodiscard]] auto& get() noexcept {
        return std::get<I>(branches_);
    }

    std::size_t count() const noexcept final { return sizeof...(D); }
    branch_base& at(std::size_t index) const noexcept final { return *pointers_[index]; }

private:
    template <std::size_t... I>
    fixed_branches(std::tuple<D...>&& what, environment& task, std::index_sequence<I...>)
        : Base(task),
          branches_(detail::branch_seed<D>{*this, I, std::forward<D>(std::get<I>(what))}...),
          pointers_{&std::get<I>(branches_)...} {}

    std::tuple<branch<D>...> branches_;
    branch_base* pointers_[sizeof...(D)];
};

/// Branches that all have one type. Their number is known only at run time.
template <class Base, description D>
class counted_branches : public Base {
protected:
    template <class Range>
    counted_branches(Range&& what, environment& task)
        : Base(task), count_(what.size()), branches_(new std::optional<branch<D>>[what.size()]) {
        std::size_t index = 0;
        for (D& each: what) {
            branches_[index].emplace(detail::branch_seed<D>{*this, index, std::move(each)});
            ++index;
        }
    }

    [[nodiscard]] branch<D>& get(std::size_t index) const noexcept { return *branches_[index]; }

    std::size_t count() const noexcept final { return count_; }
    branch_base& at(std::size_t index) const noexcept final { return *branches_[index]; }

private:
    std::size_t count_;
    std::unique_ptr<std::optional<branch<D>>[]> branches_;
};

/// Holds the descriptions that will be awaited concurrently.
template <class Operation, class What>
class [[nodiscard("co_await it")]] parallel_description
    : public co_await_is_missing<await_result<Operation>, parallel_description<Operation, What>> {
public:
    explicit parallel_description(What what) : what_(std::move(what)) {}

    Operation operation_in(environment& task) && { return {std::move(what_), task}; }

private:
    What what_;
};

/// A range of descriptions, such as a `std::vector<task<int>>`. The descriptions are moved out of the range.
template <class R>
concept range_of_descriptions = requires(R& range) {
    { range.size() } -> std::convertible_to<std::size_t>;
    requires description<std::remove_cvref_t<decltype(*range.begin())>>;
};
template <range_of_descriptions R>
using description_in = std::remove_cvref_t<decltype(*std::declval<R&>().begin())>;

}  // namespace coil::COIL_ABI::detail

template <class Operation, class What>
struct std::tuple_size<coil::detail::parallel_description<Operation, What>>
    : coil::detail::bound_without_co_await<coil::detail::parallel_description<Operation, What>> {};
