#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Functions for the tests of ./dev. PATH is a folder of stand-ins, so that each test decides which tools the
# machine has, which user runs ./dev, and what apt-get and sudo do. Stand-ins log their calls in "$rig/calls".
#
# A test sets up the machine, calls run_dev or run_dev_on_terminal, and then states its expectations.

set -eu
rig=$(mktemp -d)
trap 'rm -rf "$rig"' EXIT
bin=$rig/bin
present=$rig/present    # one file for each library that pkg-config knows
mkdir "$bin" "$present"
: >"$rig/calls"

stand_in() {
    printf '#!/bin/sh\n%s\n' "$2" >"$bin/$1"
    chmod +x "$bin/$1"
}

for tool in sh awk cat dirname env grep mktemp rm touch; do
    ln -s "$(command -v "$tool")" "$bin/$tool"
done
stand_in c++ 'exit 0'
stand_in cmake 'echo cmake version 3.25.1'
stand_in ninja 'echo 1.11.1'
stand_in python3 'exit 0'
stand_in pkg-config "[ \"\$1\" = --exists ] && [ -e \"$present/\${2%% *}\" ]"
stand_in apt-get "echo apt-get \"\$*\" >>\"$rig/calls\"
case \$1 in install) touch \"$present/liburing\" \"$present/gtest\" \"$present/benchmark\" ;; esac"
stand_in sudo "echo sudo \"\$*\" >>\"$rig/calls\"
[ \"\$1\" != -n ] || shift
exec \"\$@\""

# The machine

runs_as_root() { stand_in id 'echo 0'; }
runs_as_a_user() { stand_in id 'echo 1000'; }
has_everything() { touch "$present/liburing" "$present/gtest" "$present/benchmark"; }
lacks_libraries() { rm -f "$present"/*; }
lacks() { rm -f "$bin/$1"; }

runs_as_a_user
has_everything

# The run

run_dev() {
    stand_in tty 'exit 1'
    run_dev_with </dev/null "$@"
}

# $1 is the input of the user.
run_dev_on_terminal() {
    stand_in tty 'exit 0'
    printf '%s\n' "$1" >"$rig/typed"
    shift
    run_dev_with <"$rig/typed" "$@"
}

run_dev_with() {
    status=0
    env -u CXX PATH="$bin" sh "$COIL_SOURCE_DIR/dev" "$@" >"$rig/out" 2>"$rig/err" || status=$?
}

# Expectations

expect_status() { [ "$status" = "$1" ] || fail "status is $status, expected $1"; }
expect_stderr() { grep -qF -- "$1" "$rig/err" || fail "stderr does not contain \"$1\""; }
expect_call() { grep -qF -- "$1" "$rig/calls" || fail "it did not call \"$1\""; }
expect_no_calls() { [ ! -s "$rig/calls" ] || fail "it called apt-get or sudo"; }

fail() {
    echo "FAILED: $1"
    echo "-- output:"; cat "$rig/out" "$rig/err"
    echo "-- calls:"; cat "$rig/calls"
    exit 1
}
