// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "load/histogram.hpp"
#include "load/pattern.hpp"
#include "load/workloads.hpp"

namespace compare {
namespace {

void expect(bool holds, const std::string& what) {
    if (!holds)
        throw std::runtime_error("self check: " + what);
}

// Compares the histogram's quantiles with exact quantiles of the sorted values, over all orders of magnitude.
void histogram_is_within_its_error() {
    std::mt19937_64 random(1);
    histogram counted;
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 100'000; ++i) {
        values.push_back(random() >> (random() % 40 + 20));
        counted.record(static_cast<std::int64_t>(values.back()));
    }
    std::ranges::sort(values);
    expect(counted.count() == values.size(), "the histogram lost values");
    expect(counted.max() == values.back(), "the greatest value is wrong");
    for (const double part: {0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank = std::max(1.0, std::ceil(part * static_cast<double>(values.size())));
        const auto exact = static_cast<double>(values[static_cast<std::size_t>(rank) - 1]);
        const auto found = static_cast<double>(counted.quantile(part));
        expect(found >= exact && found <= exact * (1 + 1.0 / 128),
               "quantile " + std::to_string(part) + " is " + std::to_string(found) + " instead of " +
                   std::to_string(exact));
    }
}

void histogram_is_right_at_its_edges() {
    expect(histogram().quantile(0.5) == 0, "an empty histogram has a median");
    for (const std::int64_t value: {std::int64_t{0}, std::int64_t{1}, std::int64_t{255}, std::int64_t{256},
                                    std::int64_t{257}, std::int64_t{1} << 40, INT64_MAX}) {
        histogram one;
        one.record(value);
        expect(one.quantile(0.5) == static_cast<std::uint64_t>(value),
               "a single value of " + std::to_string(value) + " is not its own median");
    }
    histogram negative;
    negative.record(-1);  // as if the clock had gone backwards
    expect(negative.quantile(1) == 0, "a negative duration is not recorded as 0");
}

bool finds(const pattern& bytes, std::span<const std::byte> received, std::uint64_t position) {
    try {
        bytes.check(received, position);
        return false;
    } catch (const std::runtime_error&) {
        return true;
    }
}

void pattern_finds_every_kind_of_damage() {
    const pattern ours(1), another(2);
    std::array<std::byte, 64> bytes;
    ours.fill(bytes, 1000);
    expect(!finds(ours, bytes, 1000), "its own bytes are rejected");
    expect(finds(another, bytes, 1000), "bytes of another connection pass");
    for (const std::uint64_t position: {999u, 1001u, 1008u, 1064u, 936u})
        expect(finds(ours, bytes, position), "bytes from another position pass");
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        auto damaged = bytes;
        damaged[i] ^= std::byte{1};
        expect(finds(ours, damaged, 1000), "a changed byte passes");
    }
}

}  // namespace

void self_check() {
    histogram_is_within_its_error();
    histogram_is_right_at_its_edges();
    pattern_finds_every_kind_of_damage();
}

}  // namespace compare
