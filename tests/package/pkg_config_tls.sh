#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# coil-tls.pc of a shared library names libcoil_tls and libcoil. With --static, it also names the libraries
# that the two need. coil.pc never names OpenSSL.
. "$(dirname "$0")/lib.sh"
needs_tls

install shared
build_by_pkg_config coil-tls "$hello_tls/hello_tls.cpp"
case $words in
*-lssl* | *-lcrypto* | *-luring*) fail "a program with a shared coil needs neither OpenSSL nor liburing: $words" ;;
*-lcoil_tls*-lcoil*) ;;
*) fail "pkg-config does not name the libraries: $words" ;;
esac
(
    LD_LIBRARY_PATH=$libdir
    export LD_LIBRARY_PATH
    says_hello "$build/hello"
)
rm -r "$build"

install static
build_by_pkg_config coil-tls "$hello_tls/hello_tls.cpp" --static
says_hello "$build/hello"
[ "$(pkg-config --modversion coil-tls)" = "$COIL_VERSION" ] || fail "coil-tls.pc has another version"
case $(pkg-config --libs --static coil) in
*-lssl* | *-lcrypto*) fail "coil.pc names OpenSSL" ;;
esac
