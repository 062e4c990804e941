#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# find_package(coil) with a static library, which finds liburing through the installed Findliburing.cmake.
. "$(dirname "$0")/lib.sh"

install static
[ -e "$libdir/cmake/coil/Findliburing.cmake" ] || fail "Findliburing.cmake is missing"
build_by_cmake "$hello" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_FLAGS="$flags"
says_hello "$build/hello"
