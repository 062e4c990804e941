#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

lacks_libraries
run_dev deps -y
expect_status 0
expect_call "sudo -n apt-get update"    # -n: there is no terminal for a password
expect_call "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get install"

lacks_libraries
: >"$rig/calls"
run_dev_on_terminal "n" -y deps
expect_status 0
expect_call "sudo apt-get update"
