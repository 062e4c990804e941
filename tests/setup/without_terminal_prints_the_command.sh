#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

lacks_libraries
run_dev deps
expect_status 3
expect_stderr "sudo apt-get update && sudo env DEBIAN_FRONTEND=noninteractive apt-get install"
expect_stderr "no terminal"
expect_no_calls
