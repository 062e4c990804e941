#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

for line in '' tset 'test demo' '--fast test' 'test -R Recv'; do
    # shellcheck disable=SC2086
    run_dev $line
    expect_status 2
    expect_stderr "'./dev help' lists the verbs"
    [ ! -s "$rig/out" ] || fail "dev wrote to stdout"
done
expect_calls ""

run_dev help
expect_status 0
grep -q 'usage: ./dev' "$rig/out" || fail "help did not write to stdout"
