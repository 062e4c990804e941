#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# coil_doctor and check_coroutines are installed with coil; coil_doctor may be moved, and needs no libcoil.
. "$(dirname "$0")/lib.sh"

install "$COIL_KIND"
[ -x "$prefix/bin/coil_doctor" ] || fail "it is not there"
[ -x "$prefix/bin/check_coroutines" ] || fail "check_coroutines is not there"
mv "$prefix" "$rig/elsewhere"
doctor=$rig/elsewhere/bin/coil_doctor
"$doctor" --help >"$rig/log" 2>&1 || fail "it ends with $?"
LC_ALL=C readelf -d "$doctor" >"$rig/log"
! grep libcoil "$rig/log" || fail "it needs libcoil"
