#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# An installed coil can be moved: its files contain no path of the installation, the sources or the build.
. "$(dirname "$0")/lib.sh"

install static
mkdir "$rig/elsewhere"
mv "$prefix" "$rig/elsewhere/coil"
libdir=$rig/elsewhere/coil${libdir#"$prefix"}
prefix=$rig/elsewhere/coil
if grep -rnF --include='*.cmake' --include='*.pc' -e "$rig" -e "$COIL_SOURCE_DIR" -e "$COIL_BINARY_DIR" "$prefix" >"$rig/log"; then
    fail "installed files contain a path"
fi

build_by_cmake "$hello" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_FLAGS="$flags"
says_hello "$build/hello"
rm -r "$build"
build_by_pkg_config coil "$hello/hello.cpp" --static
says_hello "$build/hello"

if [ "$COIL_HAS_TLS" != OFF ]; then
    rm -r "$build"
    configure_by_cmake "$hello_tls" -DCMAKE_PREFIX_PATH="$prefix" || fail "cmake does not find coil::tls"
    words=$(pkg-config --libs --cflags coil-tls)
    case $words in
    *-I*"$prefix"*-L*"$prefix"*) ;;
    *) fail "coil-tls.pc has other paths: $words" ;;
    esac
fi
