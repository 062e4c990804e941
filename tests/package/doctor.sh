#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# coil_doctor and check_coroutines are installed with coil. coil_doctor can be moved, and does not need
# libcoil.
. "$(dirname "$0")/lib.sh"

install "$COIL_KIND"
[ -x "$prefix/bin/coil_doctor" ] || fail "coil_doctor is not installed"
[ -x "$prefix/bin/check_coroutines" ] || fail "check_coroutines is not installed"
mv "$prefix" "$rig/elsewhere"
doctor=$rig/elsewhere/bin/coil_doctor
"$doctor" --help >"$rig/log" 2>&1 || fail "coil_doctor exits with $?"
LC_ALL=C readelf -d "$doctor" >"$rig/log"
! grep libcoil "$rig/log" || fail "coil_doctor needs libcoil"
