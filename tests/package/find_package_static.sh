#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# find_package(coil) for a static library, which brings liburing along by the Findliburing.cmake beside it.
. "$(dirname "$0")/lib.sh"

install static
[ -e "$libdir/cmake/coil/Findliburing.cmake" ] || fail "Findliburing.cmake is missing"
build_by_cmake "$hello" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_FLAGS="$flags"
says_hello "$build/hello"
