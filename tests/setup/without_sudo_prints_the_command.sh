#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

lacks_libraries
lacks sudo
run_dev -y deps
expect_status 3
expect_stderr "  apt-get update && env DEBIAN_FRONTEND=noninteractive apt-get install"
expect_stderr "as root"
expect_no_calls
