// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <exception>
#include <tuple>
#include <utility>
#include <vector>

#include <coil/sync/parallel.hpp>
#include <coil/sync/race.hpp>

namespace coil::COIL_ABI {

namespace detail {

/// Waits until one operation has completed, and then stops the others.
class when_any_operation : public parallel_operation {
protected:
    explicit when_any_operation(environment& task) noexcept : parallel_operation(task) {}
    ~when_any_operation() override = default;

    void ended(std::size_t index) noexcept final;
    [[nodiscard]] std::size_t winner() const noexcept { return winner_; }
    /// If there is no winner, returns the error. If a branch ended with an exception other than
    /// `std::system_error`, throws that exception instead.
    [[nodiscard]] std::error_code failure() const;
    [[nodiscard]] std::exception_ptr exception() const noexcept { return nullptr; }
    void rethrow_failure() const;

private:
    std::size_t winner_ = no_branch;
};

/// Waits until one operation has succeeded, and then stops the others.
class first_success_operation : public parallel_operation {
protected:
    explicit first_success_operation(environment& task) noexcept : parallel_operation(task) {}
    ~first_success_operation() override = default;

    void ended(std::size_t index) noexcept final;
    [[nodiscard]] std::size_t winner() const noexcept { return winner_; }
    [[nodiscard]] std::error_code failure() const;
    [[nodiscard]] std::exception_ptr exception() const noexcept {
        return failed_ == no_branch ? nullptr : at(failed_).failure();
    }
    void rethrow_failure() const;

private:
    std::size_t winner_ = no_branch;
    // The branch that failed last. A stopped branch counts only if no other branch has failed before.
    std::size_t failed_ = no_branch;
};

// Implementation

template <class Base, description... D>
class [[nodiscard("co_await it")]] race_of final : public fixed_branches<Base, D...> {
    using value = race<result_of<D>...>;

public:
    race_of(std::tuple<D...>&& what, environment& task) : fixed_branches<Base, D...>(std::move(what), task) {}

    value await_resume() {
        this->rethrow_failure();
        return take(std::index_sequence_for<D...>());
    }
    outcome<value> await_outcome() {
        if (const auto error = this->failure())
            return outcome<value>(error, 0, this->exception());
        return take(std::index_sequence_for<D...>());
    }

private:
    template <std::size_t... I>
    value take(std::index_sequence<I...>) {
        return value(this->winner(), std::move(this->template get<I>().named_result())...);
    }
};

template <class Base, description D>
class [[nodiscard("co_await it")]] race_in final : public counted_branches<Base, D> {
    using value = range_race<result_of<D>>;

public:
    template <class Range>
    race_in(Range&& what, environment& task) : counted_branches<Base, D>(std::forward<Range>(what), task) {}

    value await_resume() {
        this->rethrow_failure();
        return take();
    }
    outcome<value> await_outcome() {
        if (const auto error = this->failure())
            return outcome<value>(error, 0, this->exception());
        return take();
    }

private:
    value take() {
        std::vector<outcome_of<D>> outcomes;
        outcomes.reserve(this->count());
        for (std::size_t i = 0; i < this->count(); ++i)
            outcomes.push_back(std::move(this->get(i).named_result()));
        return value(this->winner(), std::move(outcomes));
    }
};

}  // namespace detail

/// Runs several operations or tasks concurrently until the first of them completes, with a value or an error.
///
///     auto race = co_await coil::when_any(socket.recv(buffer), messages.receive(), stop.wait());
///     switch (race.index()) {
///     case 0: use(race.get<0>().value()); break;      // throws if recv failed
///
/// To give an operation a deadline, use `timeout`. If an error should not win, use `first_success`.
///
/// Completes: when all operations have ended. The first completion stops the other operations, and when_any
///            waits for them to end. If a loser completes in spite of the stop, the race contains its value,
///            so no byte and no message is lost.
/// Errors:    errors of the operations are stored in the race, not thrown. Throws error::operation_aborted if
///            all operations ended because the task was stopped, and error::not_found if the range is empty.
///            If an operation ends with an exception other than `std::system_error`, when_any throws that
///            exception.
/// Cancel:    stops all operations.
/// Order:     operations begin when the await begins, in argument order. Tasks begin in the next loop
///            iteration, in argument order.
/// Cost:      one small recycled block per operation. A range needs two more allocations.
template <class... D>
    requires(sizeof...(D) > 0 && !(sizeof...(D) == 1 && (detail::range_of_descriptions<D> && ...)))
auto when_any(D... what) {
    static_assert((detail::description<D> && ...), "when_any takes awaitables of coil and tasks, as rvalues");
    return detail::parallel_description<detail::race_of<detail::when_any_operation, D...>, std::tuple<D...>>(
        std::tuple<D...>(std::move(what)...));
}

template <detail::range_of_descriptions R>
auto when_any(R what) {
    return detail::parallel_description<
        detail::race_in<detail::when_any_operation, detail::description_in<R>>, R>(std::move(what));
}

/// Runs several operations or tasks concurrently until the first of them succeeds. Failures do not end the
/// wait.
///
///     auto race = co_await coil::first_success(query(primary), query(secondary));
///
/// Completes: when all operations have ended. The first success stops the other operations.
/// Errors:    if no operation succeeds, throws the latest failure. An exception other than
///            `std::system_error` stops all other operations and is thrown.
/// Cancel, Order, Cost: as for `when_any`.
template <class... D>
    requires(sizeof...(D) > 0 && !(sizeof...(D) == 1 && (detail::range_of_descriptions<D> && ...)))
auto first_success(D... what) {
    static_assert((detail::description<D> && ...),
                  "first_success takes awaitables of coil and tasks, as rvalues");
    return detail::parallel_description<detail::race_of<detail::first_success_operation, D...>,
                                        std::tuple<D...>>(std::tuple<D...>(std::move(what)...));
}

template <detail::range_of_descriptions R>
auto first_success(R what) {
    return detail::parallel_description<
        detail::race_in<detail::first_success_operation, detail::description_in<R>>, R>(std::move(what));
}

}  // namespace coil::COIL_ABI
