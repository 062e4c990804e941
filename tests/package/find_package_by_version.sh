#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Before 1.0 another minor version is not what was asked for; an older patch of the same is.
. "$(dirname "$0")/lib.sh"

install "$COIL_KIND"
mkdir "$rig/asks"
cat >"$rig/asks/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(asks LANGUAGES CXX)
find_package(coil ${version} CONFIG QUIET)
file(WRITE ${CMAKE_BINARY_DIR}/found "${coil_FOUND}")
CMAKE

major=${COIL_VERSION%%.*}
minor=${COIL_VERSION#*.} minor=${minor%.*}
patch=${COIL_VERSION##*.}
asks() {
    cmake -S "$rig/asks" -B "$rig/asked" -G Ninja -DCMAKE_CXX_COMPILER="$COIL_CXX" -DCMAKE_PREFIX_PATH="$prefix" \
        -Dversion="$1" >"$rig/log" 2>&1 || fail "it cannot be configured"
    [ "$(cat "$rig/asked/found")" = "$2" ] || fail "asked for $1, found: $(cat "$rig/asked/found"), not $2"
}
asks "$major.$minor" 1
asks "$COIL_VERSION" 1
asks "$major.$minor.$((patch + 1))" 0
asks "$major.$((minor + 1))" 0
asks "$((major + 1)).0" 0
[ "$minor" = 0 ] || asks "$major.$((minor - 1))" 0
