#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Without a build type, plain cmake configures a release build, and says so. A build type that is given stays.
. "$(dirname "$0")/lib.sh"

configure() {
    cmake -S "$COIL_SOURCE_DIR" -B "$rig/build" -DCMAKE_CXX_COMPILER="$COIL_CXX" -DCOIL_BUILD_TESTS=OFF \
        -DCOIL_BUILD_BENCH=OFF -DCOIL_BUILD_EXAMPLES=OFF "$@" >"$rig/output" 2>&1 || fail "cmake failed"
}

build_type() { sed -n 's/^CMAKE_BUILD_TYPE:[^=]*=//p' "$rig/build/CMakeCache.txt"; }

configure
[ "$(build_type)" = Release ] || fail "the build type is '$(build_type)', not Release"
grep -q 'No CMAKE_BUILD_TYPE given: Release' "$rig/output" || fail "cmake does not name the build type"

rm -rf "$rig/build"
configure -DCMAKE_BUILD_TYPE=Debug
[ "$(build_type)" = Debug ] || fail "the build type is '$(build_type)', not Debug"
