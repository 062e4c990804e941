// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

/// The version of coil. CMakeLists.txt reads the numbers from here, so they stand in one place.
#pragma once

#define COIL_VERSION_MAJOR 0
#define COIL_VERSION_MINOR 1
#define COIL_VERSION_PATCH 0
