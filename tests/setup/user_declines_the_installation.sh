#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

for answer in n '' whatever; do
    lacks_libraries
    run_dev_on_terminal "$answer" deps
    expect_status 3
    expect_stderr "sudo apt-get update && sudo env DEBIAN_FRONTEND=noninteractive apt-get install"
    expect_no_calls
done
