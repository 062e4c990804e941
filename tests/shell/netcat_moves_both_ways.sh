#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# netcat waits for standard input and a socket at once, whatever standard input is, and ends with the server.
. "$(dirname "$0")/lib.sh"
needs socat

netcat() {
    status=0
    timeout -k 5 60 "$COIL_EXAMPLES/netcat" --port "$port" >"$rig/out" 2>"$rig/err" || status=$?
}

# A file, a pipe, nothing; more than the kernel's buffers hold, of which both sides send all the time.
head -c 3000000 /dev/urandom >"$rig/sent"
start_socat TCP-LISTEN:0,bind=127.0.0.1,fork PIPE
netcat <"$rig/sent"
expect_status 0
expect_same "$rig/sent" "$rig/out"
mkfifo "$rig/pipe"
cat "$rig/sent" >"$rig/pipe" &
netcat <"$rig/pipe"
expect_status 0
expect_same "$rig/sent" "$rig/out"
netcat </dev/null
expect_status 0
[ ! -s "$rig/out" ] || fail "it printed something"

# A server that speaks first, and one that ends while nothing was typed.
start_socat TCP-LISTEN:0,bind=127.0.0.1 SYSTEM:'echo hello'
mkfifo "$rig/silence"
sleep 60 >"$rig/silence" &
started="$started $!"
netcat <"$rig/silence"
expect_status 0
expect_printed '^hello$'

# Whoever reads its output and stops: an error like any other, and no signal.
start_socat TCP-LISTEN:0,bind=127.0.0.1 SYSTEM:'cat /dev/zero'
{
    status=0
    timeout -k 5 60 "$COIL_EXAMPLES/netcat" --port "$port" </dev/null 2>"$rig/err" || status=$?
    echo "$status" >"$rig/status"
} | head -c 1000 >"$rig/out"
status=$(cat "$rig/status")
expect_status 1
expect_said "Broken pipe"
expect_one_line

# A descriptor that is closed.
status=0
timeout -k 5 60 "$COIL_EXAMPLES/netcat" --port "$port" <&- >"$rig/out" 2>"$rig/err" || status=$?
expect_status 1
expect_one_line

# Nobody listens, and how it is called.
start tcp_echo_server
interrupt TERM
netcat </dev/null
expect_status 1
expect_said "127.0.0.1:$port: Connection refused"
expect_wrong 1 'resolve "127.0.0.1" "99999": a port is a number from 0 to 65535, or the name of a service' \
    netcat 127.0.0.1 99999
expect_wrong 2 "--host wants a name such as localhost, or an address" netcat --host ''
expect_wrong 2 "unknown option --listen" netcat --listen
