#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Shared libraries of coil export the declarations of their headers, and no internals of lib/. Static ones
# export nothing from a shared library that contains them.
. "$(dirname "$0")/lib.sh"

# symbols_of LIBRARY
symbols_of() { LC_ALL=C nm -DC --defined-only "$libdir/$1" >"$rig/log"; }
expect_symbol() { grep -q " T coil::.*$1" "$rig/log" || fail "$1 is not exported"; }
expect_no_foreign_symbols() { ! awk '$2 ~ /[TDBR]/' "$rig/log" | grep -v 'coil' || fail "foreign symbols are exported"; }

if [ "$COIL_KIND" = static ]; then # a shared library built with the tests, which use lib/, exports everything
    install shared
    symbols_of libcoil.so
    expect_symbol 'io_context::run()$'
    ! grep 'uring_kernel' "$rig/log" || fail "uring_kernel, which is internal, is exported"
    ! grep 'coil::v[0-9_]*::tls::' "$rig/log" || fail "libcoil exports symbols of coil::tls"
    expect_no_foreign_symbols
    if [ "$COIL_HAS_TLS" != OFF ]; then
        symbols_of libcoil_tls.so
        expect_symbol 'tls::client_context::client_context('
        expect_symbol 'tls_engine::handshake()$'
        ! grep 'read_certificates' "$rig/log" || fail "read_certificates, which is internal, is exported"
        ! grep 'io_context::run' "$rig/log" || fail "libcoil_tls exports symbols of coil::coil"
        expect_no_foreign_symbols
    fi
fi

install static
for archive in "$libdir"/libcoil*.a; do
    LC_ALL=C readelf -sW "$archive" |
        awk '$5 ~ /GLOBAL|WEAK/ && $6 == "DEFAULT" && $7 != "UND" && $8 ~ /^_ZN?K?4coil/' >"$rig/log"
    [ ! -s "$rig/log" ] || fail "these symbols of $archive are visible"
done
