#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

runs_as_root
lacks_libraries
run_dev_on_terminal "n" deps
expect_status 0
expect_call "apt-get install"
