#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# As root, dev names the missing packages and installs them. It installs nothing if nothing is missing.
. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

runs_as_root
run_dev deps
expect_status 0
expect_stderr "missing: liburing 2.3"
expect_stderr "installing: liburing-dev libssl-dev libgtest-dev libbenchmark-dev"
expect_calls "apt-get update
apt-get install -y --no-install-recommends liburing-dev libssl-dev libgtest-dev libbenchmark-dev"

: >"$rig/calls"
run_dev deps
expect_status 0
expect_calls ""

# The demo and the doctor do not need the libraries of the tests.
rm "$rig/installed"
fake apt-get 'echo "E: no network" >&2; exit 100'
for verb in demo doctor; do
    run_dev "$verb"
    expect_status 3
    expect_stderr "E: no network"
    expect_stderr "installing: liburing-dev libssl-dev"
    ! grep -e libgtest -e libbenchmark "$rig/err" || fail "$verb installs packages that only the tests need"
done

# apt-get succeeds, but its liburing is too old.
fake apt-get 'exit 0'
run_dev deps
expect_status 3
