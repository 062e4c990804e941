// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <string_view>
#include <type_traits>

namespace coil::COIL_ABI::detail {

/// On g++ before 13 a closure in an expression that awaits is destroyed twice. It can't be told from here whether the
/// expression awaits, so closures that own something are refused there altogether.
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
