#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# What the tests of packaging share. Each installs coil into a folder of its own, and builds and runs examples/hello there.
# Of the two kinds of library one is what this build made, with its flags. The other is left by add_subdirectory.sh.

set -eu
kept=$COIL_BINARY_DIR/tests/package/kept # builds of the whole library: what did not change is not compiled again
rig=$(mktemp -d "$COIL_BINARY_DIR/tests/package.XXXXXX")
trap 'rm -rf "$rig"' EXIT
build=$rig/build
hello=$COIL_SOURCE_DIR/examples/hello
unset DESTDIR CMAKE_PREFIX_PATH PKG_CONFIG_PATH coil_DIR coil_ROOT

# install KIND: shared or static. Leaves `prefix`; `flags`, which what links it has to be compiled with; `libdir`.
install() {
    prefix=$rig/$1
    if [ "$1" = "$COIL_KIND" ]; then
        built=$COIL_BINARY_DIR flags=$COIL_FLAGS
    else
        built=$kept/add_subdirectory flags=''
    fi
    cmake --install "$built" --prefix "$prefix" >"$rig/log" || fail "it cannot be installed"
    pc=$(find "$prefix" -name coil.pc)
    libdir=${pc%/pkgconfig/coil.pc}
    case $1 in
    shared) [ -e "$libdir/libcoil.so" ] && [ ! -e "$libdir/libcoil.a" ] ;;
    static) [ -e "$libdir/libcoil.a" ] && [ ! -e "$libdir/libcoil.so" ] ;;
    esac || fail "that is not a $1 library"
}

# build_by_cmake SOURCE [ARGUMENT]...: a project with a program hello, in $build. Needs nothing from the net.
build_by_cmake() {
    source=$1
    shift
    cmake -S "$source" -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="$COIL_CXX" \
        -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF "$@" >"$rig/log" 2>&1 || fail "it cannot be configured"
    cmake --build "$build" --parallel 2 --target hello >"$rig/log" 2>&1 || fail "it cannot be built"
}

# build_by_pkg_config [OPTION]...
build_by_pkg_config() {
    PKG_CONFIG_PATH=$libdir/pkgconfig
    export PKG_CONFIG_PATH
    pkg-config --validate coil || fail "pkg-config finds faults"
    words=$(pkg-config --cflags --libs "$@" coil) || fail "pkg-config does not know it"
    mkdir "$build"
    # shellcheck disable=SC2086 # words they are
    "$COIL_CXX" -std=c++20 $flags "$hello/hello.cpp" -o "$build/hello" $words >"$rig/log" 2>&1 ||
        fail "it cannot be built with: $words"
}

says_hello() {
    said=$(timeout 20 "$1") || fail "it ends with $?"
    [ "$said" = "Hello, coil." ] || fail "it said \"$said\""
}

fail() {
    echo "FAILED: $1"
    [ ! -e "$rig/log" ] || cat "$rig/log"
    exit 1
}
