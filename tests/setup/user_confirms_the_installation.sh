#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

lacks_libraries
run_dev_on_terminal "y" deps
expect_status 0
expect_stderr "run it now?"
expect_call "sudo apt-get update"
expect_call "sudo env DEBIAN_FRONTEND=noninteractive apt-get install"
