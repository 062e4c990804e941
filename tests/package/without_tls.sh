#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# With COIL_TLS=OFF, coil looks for no OpenSSL and installs nothing of coil::tls. A project that requires the
# component tls learns why it is missing. Only what is installed matters here, so an empty file stands for the
# library.
. "$(dirname "$0")/lib.sh"

cmake -S "$COIL_SOURCE_DIR" -B "$rig/coil" -G Ninja -DCMAKE_CXX_COMPILER="$COIL_CXX" -DCOIL_TLS=OFF \
    -DBUILD_SHARED_LIBS=OFF -DCOIL_BUILD_TESTS=OFF -DCOIL_BUILD_BENCH=OFF -DCOIL_BUILD_EXAMPLES=OFF \
    -DCOIL_BUILD_TOOLS=OFF >"$rig/log" 2>&1 || fail "cmake cannot configure coil"
! grep ^OPENSSL_ "$rig/coil/CMakeCache.txt" >"$rig/log" || fail "cmake has looked for OpenSSL"
: >"$rig/coil/lib/libcoil.a"
prefix=$rig/prefix
cmake --install "$rig/coil" --prefix "$prefix" >"$rig/log" 2>&1 || fail "cmake --install failed"
[ -n "$(find "$prefix" -path '*/include/coil/coil.hpp')" ] || fail "coil.hpp is not installed"
[ -n "$(find "$prefix" -name coil.pc)" ] || fail "coil.pc is not installed"
find "$prefix" -name '*tls*' >"$rig/log"
[ ! -s "$rig/log" ] || fail "files of coil::tls are installed"
! grep -ri openssl "$prefix" --include='*.pc' >"$rig/log" || fail "coil.pc names OpenSSL"

! configure_by_cmake "$hello_tls" -DCMAKE_PREFIX_PATH="$prefix" || fail "find_package(coil COMPONENTS tls) succeeds"
tr -s ' \n' ' ' <"$rig/log" | grep -qF \
    'this coil was built without TLS; to build it with TLS, configure it with -DCOIL_TLS=ON' ||
    fail "the error does not say that coil was built without TLS"

mkdir "$rig/requests"
cat >"$rig/requests/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(requests LANGUAGES CXX)
find_package(coil CONFIG REQUIRED COMPONENTS coil OPTIONAL_COMPONENTS tls)
if(NOT TARGET coil::coil OR TARGET coil::tls OR NOT coil_coil_FOUND OR coil_tls_FOUND)
    message(FATAL_ERROR "wrong targets or variables")
endif()
CMAKE
rm -rf "$build"
configure_by_cmake "$rig/requests" -DCMAKE_PREFIX_PATH="$prefix" || fail "the component tls is not optional"
