#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Functions for the tests of the example programs. A test starts servers, runs programs against them, and
# states its expectations. All processes that it started are killed when it ends, and every wait is bounded.

set -eu
rig=$(mktemp -d)
started=''
trap end_all EXIT

# needs TOOL...: skips the test if a tool is missing.
needs() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
    done
}

skip() {
    echo "skipped: $1"
    exit 77
}

# start PROGRAM [ARGUMENT]...: starts an example server on a free port. Sets `server`, its process ID, and
# `port`.
start() {
    program=$1
    shift
    rm -f "$rig/line"
    mkfifo "$rig/line"
    "$COIL_EXAMPLES/$program" --port 0 "$@" >"$rig/line" 2>"$rig/server.err" &
    server=$!
    started="$started $server"
    line=$(timeout 20 head -n 1 "$rig/line") || fail "$program did not start"
    case $line in
    "listening on "*:*) port=${line##*:} ;;
    *) fail "$program printed \"$line\"" ;;
    esac
}

# start_socat ARGUMENT...: starts socat as a server, on port 0 in its first address. Sets `server` and `port`.
start_socat() {
    : >"$rig/socat.err"
    socat -d -d "$@" 2>"$rig/socat.err" &
    server=$!
    started="$started $server"
    wait_until 'grep -q "listening on" "$rig/socat.err"' || fail "socat did not start"
    port=$(sed -n 's/.*listening on.*:\([0-9]*\)$/\1/p' "$rig/socat.err" | head -n 1)
}

# run PROGRAM [ARGUMENT]...: runs an example to completion. Sets $status, $rig/out and $rig/err.
run() {
    program=$1
    shift
    status=0
    timeout -k 5 60 "$COIL_EXAMPLES/$program" "$@" >"$rig/out" 2>"$rig/err" || status=$?
}

# interrupt SIGNAL: sends a signal to the latest server, waits for its end, and sets $status.
interrupt() {
    kill -s "$1" "$server"
    wait_for "$server"
}

# wait_for PROCESS: waits for a process that this test started. Sets $status.
wait_for() {
    process=$1
    wait_until 'has_ended "$process"' || fail "process $process does not end"
    status=0
    wait "$process" || status=$?
    still_started=''
    for each in $started; do
        [ "$each" = "$process" ] || still_started="$still_started $each"
    done
    started=$still_started
}

# kill_server: sends SIGKILL to the latest server. The kernel closes the sockets of a ring some milliseconds
# after its process has ended. Until then they accept connections, which are never served.
kill_server() {
    interrupt KILL
    wait_until '! is_bound "$port"' || fail "port $port is still bound"
}

# is_bound PORT: succeeds if a socket listens or receives datagrams on this port.
is_bound() {
    awk -v port=":$(printf %04X "$1")" '
        (FILENAME ~ "udp" || $4 == "0A") && substr($2, length($2) - 4) == port { bound = 1 }
        END { exit !bound }' /proc/net/[tu][cd]p*
}

# wait_until CONDITION: waits at most 20 s.
wait_until() {
    tries=0
    until eval "$1"; do
        tries=$((tries + 1))
        [ "$tries" -le 400 ] || return 1
        sleep 0.05
    done
}

# has_ended PROCESS: a process that has ended is a zombie until it is waited for.
has_ended() {
    case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
    '' | Z* | X*) return 0 ;;
    *) return 1 ;;
    esac
}

# handles_interrupt PROCESS: succeeds if the process is an example with a handler for SIGINT (bit 1 of the
# mask). Before exec it is still a shell.
handles_interrupt() {
    grep -q '^Name:.*_\(echo\|limited\)_' "/proc/$1/status" && grep -q '^SigCgt:.*[2367abef]$' "/proc/$1/status"
}

size_of() { wc -c <"$1"; }

# Expectations

expect_status() { [ "$status" = "$1" ] || fail "status is $status, expected $1"; }
expect_stderr() { grep -qF -- "$1" "$rig/err" || fail "stderr does not contain \"$1\""; }
expect_one_line() { [ "$(wc -l <"$rig/err")" = 1 ] || fail "stderr is not one line"; }
expect_stdout() { grep -qE -- "$1" "$rig/out" || fail "stdout does not match \"$1\""; }
expect_same() { cmp "$1" "$2" || fail "$2 differs from $1"; }

# expect_wrong STATUS TEXT PROGRAM [ARGUMENT]...: expects one line on stderr, and nothing on stdout.
expect_wrong() {
    status_expected=$1 text_expected=$2
    shift 2
    run "$@"
    expect_status "$status_expected"
    expect_stderr "$text_expected"
    expect_one_line
    [ ! -s "$rig/out" ] || fail "stdout is not empty"
}

fail() {
    echo "FAILED: $1"
    for file in out err server.err socat.err; do
        if [ -s "$rig/$file" ]; then
            echo "-- $file:"
            tail -n 20 "$rig/$file"
        fi
    done
    exit 1
}

end_all() {
    for process in $started; do
        kill -s KILL "$process" 2>/dev/null || :
        wait "$process" 2>/dev/null || :
    done
    rm -rf "$rig"
}
