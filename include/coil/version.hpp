// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

/// The version of coil. CMakeLists.txt reads the numbers from this file. Every other header includes this
/// file first. This file therefore checks that the compiler uses C++20.
#pragma once

#define COIL_VERSION_MAJOR 0
#define COIL_VERSION_MINOR 1
#define COIL_VERSION_PATCH 0

#if __cplusplus < 202002L
#error "coil needs C++20: compile with -std=c++20, or let CMake do it by linking coil::coil"
#endif

/// `namespace coil::COIL_ABI` expands to `namespace coil::inline v0_1`. Users write coil::task; the linker
/// sees coil::v0_1::task. Code compiled against one version's headers therefore does not link with another
/// version's library, and one program can contain both versions. Do not forward-declare coil's names; include
/// the header instead.
#define COIL_ABI COIL_ABI_OF(COIL_VERSION_MAJOR, COIL_VERSION_MINOR)

// Implementation

#define COIL_ABI_OF(major, minor) COIL_ABI_JOINED(major, minor)
#define COIL_ABI_JOINED(major, minor) inline v##major##_##minor
