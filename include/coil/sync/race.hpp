// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <tuple>
#include <utility>
#include <vector>

#include <coil/base/outcome.hpp>

namespace coil::COIL_ABI {

/// The result of a race between operations. It holds the index of the winner and the outcomes of all
/// operations. A loser's outcome is usually error::operation_aborted. If a loser completed before it could be
/// stopped, its outcome holds its value, so that no value is lost.
///
///     auto race = co_await coil::when_any(socket.recv(buffer), coil::sleep_for(5s));
///     if (race.index() == 0)
///         use(*race.get<0>());
template <class... T>
class [[nodiscard("check it: it holds the winner and the errors")]] race {
public:
    /// Constructs the result of a race that has not taken place. Every outcome is operation_aborted.
    race() : outcomes_(outcome<T>(error::operation_aborted)...) {}
    race(std::size_t index, outcome<T>... outcomes) : index_(index), outcomes_(std::move(outcomes)...) {}

    /// The zero-based index of the winner.
    [[nodiscard]] std::size_t index() const noexcept { return index_; }

    template <std::size_t I>
    [[nodiscard]] auto& get() & noexcept {
        return std::get<I>(outcomes_);
    }
    template <std::size_t I>
    [[nodiscard]] const auto& get() const& noexcept {
        return std::get<I>(outcomes_);
    }
    template <std::size_t I>
    [[nodiscard]] auto&& get() && noexcept {
        return std::get<I>(std::move(outcomes_));
    }

private:
    std::size_t index_ = 0;
    std::tuple<outcome<T>...> outcomes_;
};

/// The result of a race between operations of one type. The number of operations is known only at run time.
template <class T>
class [[nodiscard("check it: it holds the winner and the errors")]] range_race {
public:
    range_race() = default;
    range_race(std::size_t index, std::vector<outcome<T>> outcomes) noexcept
        : index_(index), outcomes_(std::move(outcomes)) {}

    [[nodiscard]] std::size_t index() const noexcept { return index_; }
    [[nodiscard]] std::size_t size() const noexcept { return outcomes_.size(); }

    [[nodiscard]] outcome<T>& operator[](std::size_t i) noexcept { return outcomes_[i]; }
    [[nodiscard]] const outcome<T>& operator[](std::size_t i) const noexcept { return outcomes_[i]; }
    /// The winner's outcome.
    [[nodiscard]] outcome<T>& winner() noexcept { return outcomes_[index_]; }
    [[nodiscard]] const outcome<T>& winner() const noexcept { return outcomes_[index_]; }

private:
    std::size_t index_ = 0;
    std::vector<outcome<T>> outcomes_;
};

}  // namespace coil::COIL_ABI

/// A race cannot be unpacked, because the index of the race is needed to find the winner's outcome.
template <class... T>
struct std::tuple_size<coil::race<T...>> {
    static_assert(sizeof(coil::race<T...>) == 0,
                  "a race does not unpack: write auto race = co_await when_any(...), then use race.index() "
                  "and race.get<0>()");
    static constexpr std::size_t value = 0;
};
