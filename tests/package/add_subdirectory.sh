#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# coil as a folder of another project: it brings the library, and no more. It is of the other kind than this build's, unoptimised,
# and stays for the tests that install that kind.
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
set(COIL_INSTALL ON) # not by itself
add_subdirectory(${coil} coil)
add_executable(hello ${coil}/examples/hello/hello.cpp)
target_link_libraries(hello PRIVATE coil::coil)

get_property(targets DIRECTORY ${coil} PROPERTY BUILDSYSTEM_TARGETS)
get_property(further DIRECTORY ${coil}/lib PROPERTY BUILDSYSTEM_TARGETS)
if(NOT "${targets};${further}" STREQUAL ";coil")
    message(FATAL_ERROR "coil brought these targets: ${targets};${further}")
endif()
get_property(has_option CACHE BUILD_SHARED_LIBS PROPERTY HELPSTRING)
if(has_option MATCHES "coil")
    message(FATAL_ERROR "coil put BUILD_SHARED_LIBS into its parent's cache")
endif()
CMAKE
build_by_cmake "$parent" -Dcoil="$COIL_SOURCE_DIR" -DBUILD_SHARED_LIBS="$shared" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CXX_FLAGS_RELEASE=-O0
says_hello "$build/hello"
