#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

runs_as_root
lacks_libraries
run_dev deps
expect_status 0
expect_stderr "liburing, 2.3 or newer"
expect_stderr "apt-get install -y --no-install-recommends liburing-dev libgtest-dev libbenchmark-dev"
[ "$(cat "$rig/calls")" = "apt-get update
apt-get install -y --no-install-recommends liburing-dev libgtest-dev libbenchmark-dev" ] || fail "other calls"
