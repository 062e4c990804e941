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
if(COIL_TLS)
    find_package(coil CONFIG REQUIRED COMPONENTS tls)
    add_executable(hello_tls ${hello_tls}/hello_tls.cpp)
    target_link_libraries(hello_tls PRIVATE coil::tls)
    add_dependencies(hello hello_tls)
endif()
CMAKE
build_by_cmake "$parent" -Dhello="$hello" -Dhello_tls="$hello_tls" -DCOIL_TLS="$COIL_HAS_TLS" \
    -DFETCHCONTENT_SOURCE_DIR_COIL="$COIL_SOURCE_DIR" -DFETCHCONTENT_FULLY_DISCONNECTED=ON -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CXX_FLAGS_RELEASE=-O0 -DCMAKE_UNITY_BUILD=ON
says_hello "$build/hello/hello"
[ "$COIL_HAS_TLS" = OFF ] || says_hello "$build/hello_tls"
