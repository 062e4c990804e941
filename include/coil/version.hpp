// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

/// The version of coil. CMakeLists.txt reads the numbers from here, so they stand in one place. All other headers come to
/// this one first, so it also says which C++ they need.
#pragma once

#define COIL_VERSION_MAJOR 0
#define COIL_VERSION_MINOR 1
#define COIL_VERSION_PATCH 0

#if __cplusplus < 202002L
#error "coil needs C++20: compile with -std=c++20, or let CMake do it by linking coil::coil"
#endif

/// `namespace coil::COIL_ABI` is `namespace coil::inline v0_1`: users write coil::task, the linker sees coil::v0_1::task. So what
/// was compiled with one version's headers links with no other's library, and two can be in one program.
/// Don't forward-declare what is in it: include the header.
#define COIL_ABI COIL_ABI_OF(COIL_VERSION_MAJOR, COIL_VERSION_MINOR)

// Implementation

#define COIL_ABI_OF(major, minor) COIL_ABI_JOINED(major, minor)
#define COIL_ABI_JOINED(major, minor) inline v##major##_##minor
