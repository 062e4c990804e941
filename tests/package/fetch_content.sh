#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# FetchContent, with this checkout instead of a download.
. "$(dirname "$0")/lib.sh"

build=$kept/fetch_content
parent=$build/parent
mkdir -p "$parent"
cat >"$parent/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(parent LANGUAGES CXX)
include(FetchContent)
FetchContent_Declare(coil URL https://coil.invalid/coil.tar.gz OVERRIDE_FIND_PACKAGE)
add_subdirectory(${hello} hello) # its find_package() finds the fetched coil
CMAKE
build_by_cmake "$parent" -Dhello="$hello" -DFETCHCONTENT_SOURCE_DIR_COIL="$COIL_SOURCE_DIR" \
    -DFETCHCONTENT_FULLY_DISCONNECTED=ON -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O0 -DCMAKE_UNITY_BUILD=ON
says_hello "$build/hello/hello"
