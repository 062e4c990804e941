// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <string_view>
#include <type_traits>

namespace coil::COIL_ABI::detail {

/// Returns false if a closure of type F might be destroyed twice. Before version 13, g++ destroys a temporary
/// closure twice if the expression that contains the closure also contains a co_await. This function cannot
/// detect the co_await, so with these versions of g++ it returns false for every temporary closure that has a
/// non-trivial destructor.
template <class F>
consteval bool is_safe_closure() {
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
    const std::string_view name = __PRETTY_FUNCTION__;
    return std::is_lvalue_reference_v<F> || std::is_trivially_destructible_v<std::remove_cvref_t<F>> ||
           name.find("<lambda") == std::string_view::npos;
#else
    return true;
#endif
}

}  // namespace coil::COIL_ABI::detail
