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

/// Stands in a tuple of results for an operation that has none.
struct nothing {
    bool operator==(const nothing&) const noexcept = default;
};

/// Waits for all; the first failure stops the others.
class when_all_operation : public parallel_operation {
protected:
    explicit when_all_operation(environment& task) noexcept : parallel_operation(task) {}
    ~when_all_operation() = default;

    void ended(std::size_t index) noexcept final;
    /// Throws what failed first.
    void rethrow_failure() const {
        if (failed_ != nobody) [[unlikely]]
            at(failed_).rethrow();
    }
    /// The same as an error; a bug is thrown.
    [[nodiscard]] bool has_failure() const {
        rethrow_bug();
        return failed_ != nobody;
    }
    [[nodiscard]] std::size_t failed() const noexcept { return failed_; }

private:
    std::size_t failed_ = nobody;
};

// Implementation

namespace detail {

/// What a branch gives: its value; where awaiting it alone returns an error too, the outcome.
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

}  // namespace detail

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

/// Runs several operations or tasks at once, and waits for all of them.
///
///     auto [head, body] = co_await coil::when_all(fetch(head_url), fetch(body_url));
///     std::vector<reply> replies = co_await coil::when_all(std::move(tasks));       // a vector<task<reply>>
///
/// For as many as come up while others run, use `with_group`.
///
/// Completes: when every one has ended. The values come as a tuple, in order, or as a vector; `coil::nothing` stands for a
///            result that is void, a pointer for one that is a reference; of nothing but voids comes void.
/// Errors:    the first failure: it stops the others, they are waited for, and then it is thrown, as if its operation were
///            awaited alone. What others had come to is dropped with it; put `as_tuple` around each to keep everything.
///            An exception that is no `std::system_error` goes before one that is.
/// Cancel:    a stop of the task stops them all.
/// Order:     operations begin in this call, in order; tasks on the next turn, in order.
/// Cost:      one small recycled block for each; a range needs one allocation more.
template <class... D>
    requires(sizeof...(D) > 0 && !(sizeof...(D) == 1 && (range_of_descriptions<D> && ...)))
auto when_all(D... what) {
    static_assert((description<D> && ...), "when_all takes awaitables of coil and tasks, as rvalues");
    return parallel_description<when_all_of<D...>, std::tuple<D...>>(std::tuple<D...>(std::move(what)...));
}

template <range_of_descriptions R>
auto when_all(R what) {
    return parallel_description<when_all_in<element_of<R>>, R>(std::move(what));
}

}  // namespace coil::COIL_ABI
