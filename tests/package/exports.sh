#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# A shared libcoil exports the declarations of its headers, and no internals of lib/. A static libcoil exports
# nothing from a shared library that contains it.
. "$(dirname "$0")/lib.sh"

if [ "$COIL_KIND" = static ]; then # a shared library built with the tests, which use lib/, exports everything
    install shared
    LC_ALL=C nm -DC --defined-only "$libdir/libcoil.so" >"$rig/log"
    grep -q ' T coil::.*io_context::run()$' "$rig/log" || fail "io_context::run() is not exported"
    ! grep 'uring_kernel' "$rig/log" || fail "uring_kernel, which is internal, is exported"
    ! awk '$2 ~ /[TDBR]/' "$rig/log" | grep -v 'coil' || fail "foreign symbols are exported"
fi

install static
LC_ALL=C readelf -sW "$libdir/libcoil.a" |
    awk '$5 ~ /GLOBAL|WEAK/ && $6 == "DEFAULT" && $7 != "UND" && $8 ~ /^_ZN?K?4coil/' >"$rig/log"
[ ! -s "$rig/log" ] || fail "these symbols are visible"
