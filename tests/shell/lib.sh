#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# What the tests of the example programs share. A test starts servers, runs programs against them, and says
# what it expects. Whatever was started is ended with the test, and every wait is bounded.

set -eu
rig=$(mktemp -d)
started=''
trap end_all EXIT

# needs TOOL...: without one of them the test is skipped.
needs() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
    done
}

skip() {
    echo "skipped: $1"
    exit 77
}

# start PROGRAM [ARGUMENT]...: an example server on a free port. Sets `server`, its process, and `port`.
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
    *) fail "$program said \"$line\"" ;;
    esac
}

# start_socat ARGUMENT...: socat as a server; its first address has port 0. Sets `server` and `port`.
start_socat() {
    : >"$rig/socat.err"
    socat -d -d "$@" 2>"$rig/socat.err" &
    server=$!
    started="$started $server"
    wait_until 'grep -q "listening on" "$rig/socat.err"' || fail "socat did not start"
    port=$(sed -n 's/.*listening on.*:\([0-9]*\)$/\1/p' "$rig/socat.err" | head -n 1)
}

# run PROGRAM [ARGUMENT]...: an example, to its end. Leaves $status, $rig/out and $rig/err.
run() {
    program=$1
    shift
    status=0
    timeout -k 5 60 "$COIL_EXAMPLES/$program" "$@" >"$rig/out" 2>"$rig/err" || status=$?
}

# interrupt SIGNAL: the server started last; waits for its end, and leaves its $status.
interrupt() {
    kill -s "$1" "$server"
    wait_for "$server"
}

# wait_for PROCESS: that was started here; leaves its $status.
wait_for() {
    process=$1
    wait_until 'has_ended "$process"' || fail "it does not end"
    status=0
    wait "$process" || status=$?
    still_started=''
    for each in $started; do
        [ "$each" = "$process" ] || still_started="$still_started $each"
    done
    started=$still_started
}

# kill_at_once: the server started last, which has no say in it. The kernel closes the sockets of a ring some milliseconds after its
# process has ended; until then they take connections, which nobody will serve.
kill_at_once() {
    interrupt KILL
    wait_until '! is_bound "$port"' || fail "port $port is still bound"
}

# Whether a socket listens on this port, or receives datagrams there.
is_bound() {
    awk -v port=":$(printf %04X "$1")" '
        (FILENAME ~ "udp" || $4 == "0A") && substr($2, length($2) - 4) == port { bound = 1 }
        END { exit !bound }' /proc/net/[tu][cd]p*
}

# wait_until CONDITION: for 20 s at most.
wait_until() {
    tries=0
    until eval "$1"; do
        tries=$((tries + 1))
        [ "$tries" -le 400 ] || return 1
        sleep 0.05
    done
}

# A process that has ended stays as a zombie until it is waited for.
has_ended() {
    case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
    '' | Z* | X*) return 0 ;;
    *) return 1 ;;
    esac
}

# Whether this example has a handler for SIGINT (bit 1 of the mask). At first it is still a shell.
handles_interrupt() {
    grep -q '^Name:.*_\(echo\|limited\)_' "/proc/$1/status" && grep -q '^SigCgt:.*[2367abef]$' "/proc/$1/status"
}

size_of() { wc -c <"$1"; }

# The expectations

expect_status() { [ "$status" = "$1" ] || fail "status is $status, not $1"; }
expect_said() { grep -qF -- "$1" "$rig/err" || fail "it did not say \"$1\""; }
expect_one_line() { [ "$(wc -l <"$rig/err")" = 1 ] || fail "it did not say it in one line"; }
expect_printed() { grep -qE -- "$1" "$rig/out" || fail "it did not print \"$1\""; }
expect_same() { cmp "$1" "$2" || fail "$2 is not what was sent"; }

# expect_wrong STATUS TEXT PROGRAM [ARGUMENT]...: it says so in one line on stderr, and prints nothing.
expect_wrong() {
    status_expected=$1 text_expected=$2
    shift 2
    run "$@"
    expect_status "$status_expected"
    expect_said "$text_expected"
    expect_one_line
    [ ! -s "$rig/out" ] || fail "it printed something"
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
