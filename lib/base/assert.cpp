// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/assert.hpp>

#include <cstdlib>

#include "base/report.hpp"

namespace coil::COIL_ABI::detail {
namespace {

void print_mistake(const char* mistake, const char* detail) noexcept {
    report({mistake, detail ? ": " : "", detail ? detail : ""});
}

}  // namespace

void check_failed(const char* what, const char* file, int line) noexcept {
    char digits[12];
    char* digit = digits + sizeof digits;
    *--digit = '\0';
    do
        *--digit = static_cast<char>('0' + line % 10);
    while ((line /= 10) > 0);
    report({"check failed: ", what, " (", file, ":", digit, ")"});
    std::abort();
}

void precondition_failed(const char* mistake, const char* detail) noexcept {
    print_mistake(mistake, detail);
    std::abort();
}

void report_mistake(const char* mistake, const char* detail) noexcept {
    print_mistake(mistake, detail);
    if (asserts_enabled())
        std::abort();
}

bool asserts_enabled() noexcept {
#ifdef NDEBUG
    return false;
#else
    return true;
#endif
}

}  // namespace coil::COIL_ABI::detail
