#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# A shared coil exports what its headers declare, and nothing that only lib/ knows. From a static one nothing gets out of the
# shared library of a user's that holds it.
. "$(dirname "$0")/lib.sh"

if [ "$COIL_KIND" = static ]; then # beside our tests, which look into lib/, a shared one exports everything
    install shared
    LC_ALL=C nm -DC --defined-only "$libdir/libcoil.so" >"$rig/log"
    grep -q ' T coil::.*io_context::run()$' "$rig/log" || fail "io_context::run() is not exported"
    ! grep 'uring_kernel' "$rig/log" || fail "uring_kernel, which no header knows, is exported"
    ! awk '$2 ~ /[TDBR]/' "$rig/log" | grep -v 'coil' || fail "what is not coil's is exported"
fi

install static
LC_ALL=C readelf -sW "$libdir/libcoil.a" |
    awk '$5 ~ /GLOBAL|WEAK/ && $6 == "DEFAULT" && $7 != "UND" && $8 ~ /^_ZN?K?4coil/' >"$rig/log"
[ ! -s "$rig/log" ] || fail "these are visible"
