// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <coil/sync/parallel.hpp>

namespace coil::COIL_ABI {

/// Replaces void in a tuple of results.
struct nothing {
    bool operator==(const nothing&) const noexcept = default;
};

namespace detail {

/// Waits for all operations; the first failure stops the others.
class when_all_operation : public parallel_operation {
protected:
    explicit when_all_operation(environment& task) noexcept : parallel_operation(task) {}
    ~when_all_operation() override = default;

    void ended(std::size_t index) noexcept final;
    /// If a branch has failed, throws the error of that branch.
    void rethrow_failure() const {
        if (failed_ != no_branch) [[unlikely]]
            at(failed_).rethrow();
    }
    /// Returns true if a branch has failed. If a branch ended with an exception other than
    /// `std::system_error`, throws that exception instead.
    [[nodiscard]] bool has_failure() const {
        rethrow_bug();
        return failed_ != no_branch;
    }
    [[nodiscard]] std::size_t failed() const noexcept { return failed_; }

private:
    std::size_t failed_ = no_branch;
};

}  // namespace detail

// Implementation

namespace detail {

/// The type of a branch's value. It is an outcome for an operation wrapped in as_tuple, and `nothing` for
/// void.
template <description D>
using all_value = std::conditional_t<is_as_tuple<D>, outcome_of<D>,
                                     std::conditional_t<std::is_void_v<result_of<D>>, nothing, result_of<D>>>;

template <description D>
all_value<D> take_value(branch<D>& from) {
    if constexpr (is_as_tuple<D>)
        return std::move(from.result());
    else if constexpr (std::is_void_v<result_of<D>>)
        return {};
    else
        return *std::move(from.result());
}

template <description... D>
class [[nodiscard("co_await it")]] when_all_of final : public fixed_branches<when_all_operation, D...> {
    static constexpr bool is_void = (std::is_same_v<detail::all_value<D>, nothing> && ...);
    using value = std::conditional_t<is_void, void, std::tuple<detail::all_value<D>...>>;

public:
    when_all_of(std::tuple<D...>&& what, environment& task)
        : fixed_branches<when_all_operation, D...>(std::move(what), task) {}

    value await_resume() {
        this->rethrow_failure();
        if constexpr (!is_void)
            return take(std::index_sequence_for<D...>());
    }
    outcome<value> await_outcome() {
        if (this->has_failure())
            return outcome<value>(this->at(this->failed()).error(), 0, this->at(this->failed()).failure());
        if constexpr (is_void)
            return {};
        else
            return take(std::index_sequence_for<D...>());
    }

private:
    template <std::size_t... I>
    std::tuple<detail::all_value<D>...> take(std::index_sequence<I...>) {
        return {detail::take_value(this->template get<I>())...};
    }
};

template <description D>
class [[nodiscard("co_await it")]] when_all_in final : public counted_branches<when_all_operation, D> {
    static constexpr bool is_void = std::is_same_v<detail::all_value<D>, nothing>;
    using value = std::conditional_t<is_void, void, std::vector<detail::all_value<D>>>;

public:
    template <class Range>
    when_all_in(Range&& what, environment& task)
        : counted_branches<when_all_operation, D>(std::forward<Range>(what), task) {}

    value await_resume() {
        this->rethrow_failure();
        if constexpr (!is_void)
            return take();
    }
    outcome<value> await_outcome() {
        if (this->has_failure())
            return outcome<value>(this->at(this->failed()).error(), 0, this->at(this->failed()).failure());
        if constexpr (is_void)
            return {};
        else
            return take();
    }

private:
    std::vector<detail::all_value<D>> take() {
        std::vector<detail::all_value<D>> values;
        values.reserve(this->count());
        for (std::size_t i = 0; i < this->count(); ++i)
            values.push_back(detail::take_value(this->get(i)));
        return values;
    }
};

}  // namespace detail

/// Runs several operations or tasks concurrently and waits for all of them.
///
///     auto [head, body] = co_await coil::when_all(fetch(head_url), fetch(body_url));
///     std::vector<reply> replies = co_await coil::when_all(std::move(tasks));       // a vector<task<reply>>
///
/// If the number of tasks is not known in advance, use `with_group`.
///
/// Completes: when all operations have ended. Returns their values in argument order. The result is a tuple,
///            or a vector if the argument is a range. A void result becomes `coil::nothing`, and a reference
///            becomes a pointer. If all results are void, returns void.
/// Errors:    the first failure stops the other operations. After they have ended, the failure is thrown as
///            if its operation had been awaited alone. The results of the other operations are dropped. To
///            keep these results, wrap each operation in `as_tuple`. An exception other than
///            `std::system_error` takes precedence over a std::system_error.
/// Cancel:    stops all operations.
/// Order:     operations begin when the await begins, in argument order. Tasks begin in the next loop
///            iteration, in argument order.
/// Cost:      one small recycled block per operation. A range needs one more allocation for the operations
///            and, unless the results are void, one for the results.
template <class... D>
    requires(sizeof...(D) > 0 && !(sizeof...(D) == 1 && (detail::range_of_descriptions<D> && ...)))
auto when_all(D... what) {
    static_assert((detail::description<D> && ...), "when_all takes awaitables of coil and tasks, as rvalues");
    return detail::parallel_description<detail::when_all_of<D...>, std::tuple<D...>>(
        std::tuple<D...>(std::move(what)...));
}

template <detail::range_of_descriptions R>
auto when_all(R what) {
    return detail::parallel_description<detail::when_all_in<detail::description_in<R>>, R>(std::move(what));
}

}  // namespace coil::COIL_ABI
