// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <coil/version.hpp>

// <coil/test/stream_pair.hpp> makes `coil::test` a name for this one: the linker must see one name in all files.
namespace coil::COIL_ABI::test {}

namespace coil::test {

/// What the replaced operator new of the test program does on the calling thread: it counts, and it fails on request.
/// The frame allocator takes its memory from there too; a new thread has no free frames, so each frame is an allocation.
/// A vector of the standard library counts as well. What the C library allocates for itself does not.
///
///     allocations::fail_from(3, 1);     // the third one throws std::bad_alloc
///     ...
///     allocations::fail_no_more();
class allocations {
public:
    static constexpr std::size_t unlimited = static_cast<std::size_t>(-1);

    /// The n-th allocation from now on (from 1) and the `count - 1` that follow it fail.
    static void fail_from(std::size_t n, std::size_t count) noexcept;
    /// Returns how many failed.
    static std::size_t fail_no_more() noexcept;

    /// Bytes that this thread has allocated and not freed, and the most there were since reset_peak(). A block counts for
    /// the thread that allocates or frees it.
    [[nodiscard]] static long long bytes() noexcept;
    [[nodiscard]] static long long bytes_max() noexcept;
    static void reset_peak() noexcept;
    /// Blocks, of all threads.
    [[nodiscard]] static long long blocks_of_all_threads() noexcept;

    /// While it lives, allocations of the thread neither fail nor count as an attempt: for what belongs to the test.
    class exempt {
    public:
        exempt() noexcept;
        exempt(const exempt&) = delete;
        exempt& operator=(const exempt&) = delete;
        ~exempt();
    };
};

}  // namespace coil::test
