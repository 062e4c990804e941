// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <coil/version.hpp>

// <coil/test/stream_pair.hpp> declares the namespace `test` inside the inline namespace COIL_ABI. This file
// declares the namespace in the same way, so that functions in `coil::test` have one linker name in all
// files.
namespace coil::COIL_ABI::test {}

namespace coil::test {

/// Controls the test program's own operator new, separately for each thread. This operator new counts
/// allocations and makes them fail on request. Standard containers and the frame allocator use this operator
/// new. A new thread has no cached frames, so each of its coroutine frames counts as an allocation.
/// Allocations inside the C library do not count.
///
///     allocations::fail_from(3, 1);     // the third allocation throws std::bad_alloc
///     ...
///     allocations::fail_no_more();
class allocations {
public:
    static constexpr std::size_t unlimited = static_cast<std::size_t>(-1);

    /// Makes `count` allocations fail, beginning with the n-th allocation from now on. `n` is counted from 1.
    static void fail_from(std::size_t n, std::size_t count) noexcept;
    /// Stops failing allocations. Returns the number of allocations that have failed.
    static std::size_t fail_no_more() noexcept;

    /// bytes() returns the number of bytes that this thread has allocated but not freed. bytes_max() returns
    /// the maximum of this number since reset_peak(). An allocation counts on the allocating thread, and a
    /// release on the releasing thread.
    [[nodiscard]] static long long bytes() noexcept;
    [[nodiscard]] static long long bytes_max() noexcept;
    static void reset_peak() noexcept;
    /// Returns the number of blocks that all threads together have allocated but not freed.
    [[nodiscard]] static long long blocks_of_all_threads() noexcept;

    /// While an object of this class exists, the thread's allocations neither fail nor count towards the n-th
    /// allocation. Use it for memory that the test itself needs.
    class exempt {
    public:
        exempt() noexcept;
        exempt(const exempt&) = delete;
        exempt& operator=(const exempt&) = delete;
        ~exempt();
    };
};

}  // namespace coil::test
