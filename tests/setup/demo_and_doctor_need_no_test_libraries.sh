#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

runs_as_root
lacks_libraries
stand_in apt-get "echo apt-get \"\$*\" >>\"$rig/calls\"; exit 100"
for verb in demo doctor; do
    run_dev "$verb"
    expect_status 3
    expect_stderr "install -y --no-install-recommends liburing-dev"
    ! grep -e libgtest -e libbenchmark "$rig/err" || fail "$verb asked for packages that only the tests need"
done
