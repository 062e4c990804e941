// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <utility>

namespace coil::COIL_ABI {

class io_context;

namespace detail {

class context_life;

/// A reference to an io_context. The reference may outlive the context. Sockets, timers, resolvers and work
/// guards each hold a context_ref.
/// Cost: A copy takes one locked instruction.
class context_ref {
public:
    /// Creates an empty reference.
    context_ref() noexcept = default;
    explicit context_ref(io_context& context) noexcept;
    /// Takes ownership of a reference that `life` already counts.
    explicit context_ref(detail::context_life* life) noexcept : life_(life) {}
    context_ref(const context_ref& other) noexcept;
    context_ref(context_ref&& other) noexcept : life_(std::exchange(other.life_, nullptr)) {}
    context_ref& operator=(context_ref other) noexcept { return std::swap(life_, other.life_), *this; }
    ~context_ref() {
        if (life_)
            release();
    }

    /// Returns the context, or null if the reference is empty or the context has ended.
    [[nodiscard]] io_context* get() const noexcept;
    /// Returns the context. Aborts with a message if get() returns null.
    [[nodiscard]] io_context& operator*() const noexcept;
    /// Returns true if the reference was made for a context, even if that context has ended.
    [[nodiscard]] explicit operator bool() const noexcept { return life_ != nullptr; }
    [[nodiscard]] detail::context_life* life() const noexcept { return life_; }

private:
    void release() noexcept;

    detail::context_life* life_ = nullptr;
};

}  // namespace detail

}  // namespace coil::COIL_ABI
