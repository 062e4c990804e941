#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# A signal ends the server with close_notify on each connection, and within its limit if a client does not
# read or is frozen.
. "$(dirname "$0")/own_certificates"
needs python3

# start_client MODE: starts a client of tls_peer.py, and waits until it has written a line to $rig/MODE.
start_client() {
    mode=$1
    : >"$rig/$mode"
    timeout -k 5 60 python3 "$here/tls_peer.py" "$mode" "$port" "$pki/ca.pem" >"$rig/$mode" 2>"$rig/err" &
    client=$!
    started="$started $client"
    wait_until '[ -s "$rig/$mode" ]' || fail "tls_peer.py $mode did not start"
}

for signal in INT TERM; do
    start_tls
    start_client farewell
    interrupt "$signal"
    expect_status 0
    wait_for "$client"
    expect_status 0
done

start_tls
start_client deaf
interrupt TERM
expect_status 0
kill -s KILL "$client"
wait_for "$client"

start_tls
open_client
say "hello"
kill -s STOP "$client"
interrupt TERM
expect_status 0
kill -s CONT "$client"
wait_for "$client"
expect_status 0
exec 3>&-
