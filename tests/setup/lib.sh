#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Functions for the tests of ./dev. A fake apt-get, sudo, id and pkg-config come first in PATH. The fake pkg-config
# finds no library until the fake apt-get has installed packages. apt-get and sudo log their arguments.

set -eu
rig=$(mktemp -d)
trap 'rm -rf "$rig"' EXIT
mkdir "$rig/bin"
: >"$rig/calls"

fake() {
    printf '#!/bin/sh\n%s\n' "$2" >"$rig/bin/$1"
    chmod +x "$rig/bin/$1"
}

runs_as_root() { fake id 'echo 0'; }

fake id 'echo 1000'
fake pkg-config "[ \"\$1\" = --version ] || [ -e '$rig/installed' ]"
fake apt-get "echo apt-get \"\$*\" >>'$rig/calls'; [ \"\$1\" != install ] || touch '$rig/installed'"
fake sudo "echo sudo \"\$*\" >>'$rig/calls'; exec \"\$@\""

run_dev() {
    status=0
    env -u CXX PATH="$rig/bin:$PATH" "$COIL_SOURCE_DIR/dev" "$@" >"$rig/out" 2>"$rig/err" </dev/null || status=$?
}

expect_status() { [ "$status" = "$1" ] || fail "the status is $status, not $1"; }
expect_stderr() { grep -qF -- "$1" "$rig/err" || fail "stderr does not contain \"$1\""; }
expect_calls() { [ "$(cat "$rig/calls")" = "$1" ] || fail "the calls of apt-get and sudo are not \"$1\""; }

fail() {
    echo "FAILED: $1"
    echo "-- stdout:"; cat "$rig/out"
    echo "-- stderr:"; cat "$rig/err"
    echo "-- calls:"; cat "$rig/calls"
    exit 1
}
