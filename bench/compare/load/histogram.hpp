// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace compare {

/// A histogram of durations. Quantiles have a relative error of less than 1/128 over the whole range, because
/// each nanosecond below 256 ns has its own bucket, and each power of two above that has 128 buckets.
class histogram {
public:
    void record(std::int64_t nanoseconds) noexcept {
        const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(nanoseconds, 0));
        ++buckets_[bucket_of(value)];
        ++count_;
        max_ = std::max(max_, value);
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }

    /// Returns the smallest duration that is not exceeded by the fraction `part` (0 to 1) of all durations,
    /// rounded up to the end of its bucket. Returns 0 if nothing has been recorded.
    [[nodiscard]] std::uint64_t quantile(double part) const noexcept {
        const auto rank = static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count_)));
        std::uint64_t seen = 0;
        for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
            seen += buckets_[bucket];
            if (seen >= std::max<std::uint64_t>(rank, 1))
                return std::min(last_of(bucket), max_);
        }
        return max_;
    }

private:
    static constexpr unsigned bits = 7;
    static constexpr std::uint64_t exact = 2u << bits;

    static std::size_t bucket_of(std::uint64_t value) noexcept {
        const unsigned shift = value < exact ? 0 : static_cast<unsigned>(std::bit_width(value)) - bits - 1;
        return (std::size_t{shift} << bits) + (value >> shift);
    }

    static std::uint64_t last_of(std::size_t bucket) noexcept {
        if (bucket < exact)
            return bucket;
        const std::size_t shift = (bucket >> bits) - 1;
        const std::uint64_t first = (bucket - (shift << bits)) << shift;
        return first + ((std::uint64_t{1} << shift) - 1);
    }

    std::array<std::uint64_t, (64 - bits + 1) << bits> buckets_{};
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace compare
