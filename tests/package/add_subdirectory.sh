#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Uses coil as a folder of another project. That adds coil, coil_tls if OpenSSL is installed, and no other
# target. The libraries are of the other kind than in this build, unoptimised, and are kept for the tests that
# install that kind.
. "$(dirname "$0")/lib.sh"

case $COIL_KIND in
shared) shared=OFF ;;
static) shared=ON ;;
esac
build=$kept/add_subdirectory
parent=$build/parent
mkdir -p "$parent"
cat >"$parent/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(parent LANGUAGES CXX)
set(COIL_INSTALL ON) # OFF by default in a subdirectory
add_subdirectory(${coil} coil)
add_executable(hello ${coil}/examples/hello/hello.cpp)
target_link_libraries(hello PRIVATE coil::coil)
set(expected ";coil")
if(has_tls)
    add_executable(hello_tls ${coil}/tests/package/tls/hello_tls.cpp)
    target_link_libraries(hello_tls PRIVATE coil::tls)
    add_dependencies(hello hello_tls)
    set(expected ";coil;coil_tls")
endif()

get_property(targets DIRECTORY ${coil} PROPERTY BUILDSYSTEM_TARGETS)
get_property(further DIRECTORY ${coil}/lib PROPERTY BUILDSYSTEM_TARGETS)
if(NOT "${targets};${further}" STREQUAL expected)
    message(FATAL_ERROR "coil added these targets: ${targets};${further}")
endif()
get_property(has_option CACHE BUILD_SHARED_LIBS PROPERTY HELPSTRING)
if(has_option MATCHES "coil")
    message(FATAL_ERROR "coil added BUILD_SHARED_LIBS to its parent's cache")
endif()
CMAKE
build_by_cmake "$parent" -Dcoil="$COIL_SOURCE_DIR" -Dhas_tls="$COIL_HAS_TLS" -DCOIL_TLS="$COIL_HAS_TLS" \
    -DBUILD_SHARED_LIBS="$shared" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O0 -DCMAKE_UNITY_BUILD=ON
says_hello "$build/hello"
[ "$COIL_HAS_TLS" = OFF ] || says_hello "$build/hello_tls"
