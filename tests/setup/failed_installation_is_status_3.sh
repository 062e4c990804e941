#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

runs_as_root
lacks_libraries
stand_in apt-get 'echo "E: no network" >&2; exit 100'
run_dev deps
expect_status 3
expect_stderr "E: no network"

# apt-get succeeds, but its packages are too old: an old distribution.
stand_in apt-get 'exit 0'
run_dev deps
expect_status 3
expect_stderr "still missing"
