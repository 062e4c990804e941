#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# As a normal user, dev prints the command that installs the missing packages, and runs it only with -y.
. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

run_dev test
expect_status 3
expect_stderr "missing: liburing 2.3"
expect_stderr "  sudo apt-get update && sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y \
--no-install-recommends liburing-dev libssl-dev libgtest-dev"
expect_calls ""

run_dev deps -y
expect_status 0
expect_calls "sudo apt-get update
apt-get update
sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends liburing-dev libssl-dev libgtest-dev libbenchmark-dev
apt-get install -y --no-install-recommends liburing-dev libssl-dev libgtest-dev libbenchmark-dev"

rm "$rig/installed"
fake sudo 'echo "sudo: a password is required" >&2; exit 1'
run_dev deps -y
expect_status 3
expect_stderr "the installation failed"
