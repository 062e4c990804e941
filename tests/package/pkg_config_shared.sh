#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# coil.pc of a shared library names only libcoil. The loader needs LD_LIBRARY_PATH if it does not search the
# folder.
. "$(dirname "$0")/lib.sh"

install shared
build_by_pkg_config coil "$hello/hello.cpp"
case $words in
*-luring*) fail "a program with a shared coil needs no liburing: $words" ;;
esac
LD_LIBRARY_PATH=$libdir
export LD_LIBRARY_PATH
says_hello "$build/hello"
