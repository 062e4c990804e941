#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

run_dev deps
expect_status 0
expect_no_calls

lacks apt-get
lacks sudo
run_dev deps
expect_status 0
