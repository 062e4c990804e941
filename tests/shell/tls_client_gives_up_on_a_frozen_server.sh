#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# A server that is stopped, before or after the handshake, or while the client sends more than fits: the
# client ends within its limit.
. "$(dirname "$0")/own_certificates"

start_tls
kill -s STOP "$server"
run tls_echo_client --ca "$pki/ca.pem" --timeout 300 localhost "$port" </dev/null
expect_status 1
expect_stderr "handshake"
expect_stderr "the deadline passed"
expect_one_line
run https_get --ca "$pki/ca.pem" --timeout 300 "https://localhost:$port/"
expect_status 1
expect_stderr "the deadline passed"
kill -s CONT "$server"

# run_frozen TEXT: runs the client with the input $rig/in, and stops the server after the first echo.
run_frozen() {
    : >"$rig/out"
    mkfifo "$rig/in"
    timeout -k 5 60 "$COIL_EXAMPLES/tls_echo_client" --ca "$pki/ca.pem" --timeout 300 localhost "$port" \
        <"$rig/in" >"$rig/out" 2>"$rig/err" &
    client=$!
    started="$started $client"
    exec 3>"$rig/in"
    echo hello >&3
    wait_until 'grep -q hello "$rig/out"' || fail "there is no echo"
    kill -s STOP "$server"
    "$1" >&3
    exec 3>&-
    wait_for "$client"
    expect_status 1
    expect_stderr "the deadline passed"
    kill -s CONT "$server"
    rm "$rig/in"
}
one_more() { echo "one more"; }
much() { head -c 50000000 /dev/zero 2>/dev/null || :; }
run_frozen :
run_frozen one_more
run_frozen much
run tls_echo_client --ca "$pki/ca.pem" localhost "$port" </dev/null
expect_status 0
