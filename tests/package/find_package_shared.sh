#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# find_package(coil) with a shared library. Its users do not need liburing. Its soname has major and minor
# version.
. "$(dirname "$0")/lib.sh"

install shared
build_by_cmake "$hello" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_FLAGS="$flags" -DCMAKE_DISABLE_FIND_PACKAGE_liburing=ON
says_hello "$build/hello"

minor=${COIL_VERSION%.*}
needed=$(libraries_of_hello)
case $needed in
*"libcoil.so.$minor"*) ;;
*) fail "the program does not need libcoil.so.$minor, but $needed" ;;
esac
[ "$(readlink "$libdir/libcoil.so.$minor")" = "libcoil.so.$COIL_VERSION" ] || fail "libcoil.so.$COIL_VERSION is missing"
