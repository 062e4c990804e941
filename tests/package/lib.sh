#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Functions for the packaging tests. Each test installs coil into a separate folder, and builds and runs
# examples/hello or tests/package/tls with it. One of the two kinds of library is made by this build, with its
# flags; the other by add_subdirectory.sh.

set -eu
kept=$COIL_BINARY_DIR/tests/package/kept # complete builds, kept so that they are incremental
rig=$(mktemp -d "$COIL_BINARY_DIR/tests/package.XXXXXX")
trap 'rm -rf "$rig"' EXIT
build=$rig/build
hello=$COIL_SOURCE_DIR/examples/hello
hello_tls=$COIL_SOURCE_DIR/tests/package/tls
unset DESTDIR CMAKE_PREFIX_PATH PKG_CONFIG_PATH coil_DIR coil_ROOT

# Skips the test if this build has no coil::tls.
needs_tls() {
    [ "$COIL_HAS_TLS" != OFF ] || {
        echo "skipped: this build has no coil::tls (Debian: libssl-dev)"
        exit 77
    }
}

# install KIND: installs the shared or static library. Sets `prefix`, `libdir`, and `flags`, the compiler
# flags that its users need.
install() {
    prefix=$rig/$1
    if [ "$1" = "$COIL_KIND" ]; then
        built=$COIL_BINARY_DIR flags=$COIL_FLAGS
    else
        built=$kept/add_subdirectory flags=''
    fi
    cmake --install "$built" --prefix "$prefix" >"$rig/log" || fail "cmake --install failed"
    pc=$(find "$prefix" -name coil.pc)
    libdir=${pc%/pkgconfig/coil.pc}
    case $1 in
    shared) [ -e "$libdir/libcoil.so" ] && [ ! -e "$libdir/libcoil.a" ] ;;
    static) [ -e "$libdir/libcoil.a" ] && [ ! -e "$libdir/libcoil.so" ] ;;
    esac || fail "$libdir does not contain exactly a $1 library"
}

# build_by_cmake SOURCE [ARGUMENT]...: builds the program hello of a project in $build, without network.
build_by_cmake() {
    configure_by_cmake "$@" || fail "cmake cannot configure the project"
    cmake --build "$build" --parallel 2 --target hello >"$rig/log" 2>&1 || fail "cmake cannot build the project"
}

# configure_by_cmake SOURCE [ARGUMENT]...
configure_by_cmake() {
    source=$1
    shift
    cmake -S "$source" -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="$COIL_CXX" \
        -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF "$@" >"$rig/log" 2>&1
}

# build_by_pkg_config MODULE SOURCE [OPTION]...: builds SOURCE as $build/hello with the flags of pkg-config.
build_by_pkg_config() {
    module=$1 source=$2
    shift 2
    PKG_CONFIG_PATH=$libdir/pkgconfig
    export PKG_CONFIG_PATH
    pkg-config --validate "$module" || fail "pkg-config finds faults"
    words=$(pkg-config --cflags --libs "$@" "$module") || fail "pkg-config does not find $module"
    mkdir "$build"
    # shellcheck disable=SC2086 # several words
    "$COIL_CXX" -std=c++20 $flags "$source" -o "$build/hello" $words >"$rig/log" 2>&1 ||
        fail "hello cannot be built with: $words"
}

# Prints the shared libraries that $build/hello needs.
libraries_of_hello() { LC_ALL=C objdump -p "$build/hello" | awk '$1 == "NEEDED" { print $2 }'; }

says_hello() {
    said=$(timeout 20 "$1") || fail "hello exits with $?"
    [ "$said" = "Hello, coil." ] || fail "hello printed \"$said\""
}

fail() {
    echo "FAILED: $1"
    [ ! -e "$rig/log" ] || cat "$rig/log"
    exit 1
}
