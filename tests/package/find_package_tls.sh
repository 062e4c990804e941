#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# find_package(coil COMPONENTS tls), with a shared and a static library. Only projects that use a static
# coil::tls need OpenSSL to build. A project that uses only coil::coil builds without OpenSSL, and does not
# link it.
. "$(dirname "$0")/lib.sh"
needs_tls

without_openssl=-DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON
minor=${COIL_VERSION%.*}

# build_and_run SOURCE [ARGUMENT]...: sets `needed` to the shared libraries that the program needs.
build_and_run() {
    rm -rf "$build"
    build_by_cmake "$@" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_FLAGS="$flags"
    says_hello "$build/hello"
    needed=$(libraries_of_hello)
}

expect_no_tls() {
    case $needed in
    *libcoil_tls* | *libssl* | *libcrypto*) fail "a program with coil::coil needs: $needed" ;;
    esac
}

install shared
build_and_run "$hello_tls" $without_openssl
case $needed in
*"libcoil_tls.so.$minor"*) ;;
*) fail "the program does not need libcoil_tls.so.$minor, but $needed" ;;
esac
[ "$(readlink "$libdir/libcoil_tls.so.$minor")" = "libcoil_tls.so.$COIL_VERSION" ] ||
    fail "libcoil_tls.so.$COIL_VERSION is missing"
LC_ALL=C objdump -p "$libdir/libcoil_tls.so" >"$rig/log"
grep -q 'RUNPATH *\$ORIGIN$' "$rig/log" || fail "libcoil_tls does not find the libcoil in its folder"
build_and_run "$hello" $without_openssl
expect_no_tls

install static
build_and_run "$hello_tls"
build_and_run "$hello"
expect_no_tls
build_and_run "$hello" $without_openssl
rm -rf "$build"
! configure_by_cmake "$hello_tls" -DCMAKE_PREFIX_PATH="$prefix" $without_openssl || fail "tls was found without OpenSSL"
tr -s ' \n' ' ' <"$rig/log" | grep -qF 'coil::tls needs OpenSSL 3.0 or newer (Debian: libssl-dev)' ||
    fail "the error does not say that OpenSSL is missing"
