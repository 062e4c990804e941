// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <span>

#include <coil/base/buffer.hpp>

/// A cursor keeps track of the bytes that a transfer still has to move. A transfer that takes several steps
/// advances its cursor after each step.

namespace coil::COIL_ABI::detail {

/// A cursor over one buffer.
template <class Buffer>
class one_cursor {
public:
    explicit one_cursor(Buffer buffer) noexcept : rest_(buffer) {}

    [[nodiscard]] Buffer next() const noexcept { return rest_; }
    [[nodiscard]] std::span<const Buffer> next_span() const noexcept { return {&rest_, 1}; }
    [[nodiscard]] std::size_t next_size() const noexcept { return rest_.size(); }
    [[nodiscard]] bool is_done() const noexcept { return rest_.empty(); }
    void advance(std::size_t n) noexcept { rest_ += n; }

private:
    Buffer rest_;
};

/// A cursor over several buffers. If a step moves only the beginning of a buffer, the next step moves only
/// the remainder of that buffer, so the cursor needs no copy of the caller's array.
template <class Buffer>
class many_cursor {
public:
    explicit many_cursor(std::span<const Buffer> buffers) noexcept
        : rest_(buffers), fits_one_step_(buffers.size() <= most) {
        skip_empty();
    }

    /// The maximum number of buffers that the kernel accepts in one call (IOV_MAX).
    static constexpr std::size_t most = 1024;

    // Returns at most `most` buffers, so that the cost of a step does not grow with the caller's array.
    [[nodiscard]] std::span<const Buffer> next() const noexcept {
        return part_.empty() ? rest_.first(rest_.size() < most ? rest_.size() : most)
                             : std::span<const Buffer>(&part_, 1);
    }
    [[nodiscard]] std::span<const Buffer> next_span() const noexcept { return next(); }
    [[nodiscard]] std::size_t next_size() const noexcept { return total_size(next()); }
    /// Returns whether one step can move all buffers.
    [[nodiscard]] bool fits_one_step() const noexcept { return fits_one_step_; }
    [[nodiscard]] bool is_done() const noexcept { return part_.empty() && rest_.empty(); }
    void advance(std::size_t n) noexcept {
        if (!part_.empty()) {
            part_ += n;
            return;
        }
        while (n > 0 && !rest_.empty() && n >= rest_.front().size()) {
            n -= rest_.front().size();
            rest_ = rest_.subspan(1);
        }
        if (n > 0 && !rest_.empty()) {
            part_ = rest_.front() + n;
            rest_ = rest_.subspan(1);
        }
        skip_empty();
    }

private:
    void skip_empty() noexcept {
        while (!rest_.empty() && rest_.front().empty())
            rest_ = rest_.subspan(1);
    }

    std::span<const Buffer> rest_;
    Buffer part_;
    bool fits_one_step_;
};

/// Selects the cursor type for a single buffer or for an array of buffers.
template <class Buffers>
struct cursor_over {
    using type = one_cursor<Buffers>;
};
template <class Buffer>
struct cursor_over<std::span<const Buffer>> {
    using type = many_cursor<Buffer>;
};
template <class Buffers>
using cursor_of = typename cursor_over<Buffers>::type;

/// True if `Buffers` is an array of buffers, for which the kernel needs a msghdr.
template <class Buffers>
inline constexpr bool is_many = false;
template <class Buffer>
inline constexpr bool is_many<std::span<const Buffer>> = true;

}  // namespace coil::COIL_ABI::detail
