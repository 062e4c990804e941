#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Ctrl-C and SIGTERM end a server with status 0, even while clients talk to it, and its port is free
# immediately.
. "$(dirname "$0")/lib.sh"

for signal in INT TERM; do
    for protocol in tcp udp; do
        start "${protocol}_echo_server"
        "$COIL_EXAMPLES/${protocol}_echo_client" --port "$port" --count 1000000000 >"$rig/out" 2>"$rig/err" &
        client=$!
        started="$started $client"
        wait_until 'handles_interrupt "$client"' || fail "the client does not start"
        interrupt "$signal"
        expect_status 0
        wait_for "$client"
        expect_status 1 # the server has closed the connection
        expect_one_line

        port_before=$port
        "$COIL_EXAMPLES/${protocol}_echo_server" --port "$port_before" >"$rig/out" 2>"$rig/server.err" &
        server=$!
        started="$started $server"
        wait_until '[ -s "$rig/out" ]' || fail "the port is not free"
        expect_stdout "^listening on 127.0.0.1:$port_before\$"
        interrupt "$signal"
        expect_status 0
    done
done

# A signal ends the clients too. They report that they were interrupted.
for protocol in tcp udp; do
    start "${protocol}_echo_server"
    for signal in INT TERM; do
        "$COIL_EXAMPLES/${protocol}_echo_client" --port "$port" --count 1000000000 >"$rig/out" 2>"$rig/err" &
        client=$!
        started="$started $client"
        wait_until 'handles_interrupt "$client"' || fail "the client does not start"
        kill -s "$signal" "$client"
        wait_for "$client"
        expect_status 1
        expect_stderr "interrupted"
        expect_one_line
    done
    interrupt INT
    expect_status 0
done
