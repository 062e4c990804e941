#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

lacks_libraries
lacks apt-get
runs_as_root
run_dev -y test
expect_status 3
expect_stderr "liburing, 2.3 or newer"
expect_stderr "GoogleTest"
expect_stderr "Google Benchmark"
expect_stderr "no apt-get here"
