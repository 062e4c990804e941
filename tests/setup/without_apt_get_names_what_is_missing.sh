#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

lacks_libraries
lacks apt-get
runs_as_root
run_dev -y test
expect_status 3
expect_said "liburing, 2.3 or newer"
expect_said "GoogleTest"
expect_said "Google Benchmark"
expect_said "no apt-get here"
