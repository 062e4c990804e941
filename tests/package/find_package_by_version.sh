#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Before 1.0, a request accepts a newer patch of the same minor version, but no other minor version.
. "$(dirname "$0")/lib.sh"

install "$COIL_KIND"
mkdir "$rig/requests"
cat >"$rig/requests/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(requests LANGUAGES CXX)
find_package(coil ${version} CONFIG QUIET)
file(WRITE ${CMAKE_BINARY_DIR}/found "${coil_FOUND}")
CMAKE

major=${COIL_VERSION%%.*}
minor=${COIL_VERSION#*.} minor=${minor%.*}
patch=${COIL_VERSION##*.}
requests() {
    cmake -S "$rig/requests" -B "$rig/requested" -G Ninja -DCMAKE_CXX_COMPILER="$COIL_CXX" -DCMAKE_PREFIX_PATH="$prefix" \
        -Dversion="$1" >"$rig/log" 2>&1 || fail "cmake cannot configure the project"
    [ "$(cat "$rig/requested/found")" = "$2" ] || fail "requested $1, found: $(cat "$rig/requested/found"), not $2"
}
requests "$major.$minor" 1
requests "$COIL_VERSION" 1
requests "$major.$minor.$((patch + 1))" 0
requests "$major.$((minor + 1))" 0
requests "$((major + 1)).0" 0
[ "$minor" = 0 ] || requests "$major.$((minor - 1))" 0
