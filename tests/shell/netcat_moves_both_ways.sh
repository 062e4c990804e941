#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# netcat waits for standard input and a socket simultaneously, for any type of standard input, and ends with
# the server.
. "$(dirname "$0")/lib.sh"
needs socat

netcat() {
    status=0
    timeout -k 5 60 "$COIL_EXAMPLES/netcat" --port "$port" >"$rig/out" 2>"$rig/err" || status=$?
}

# Standard input is a file, a pipe or /dev/null. Both sides send more than the kernel's buffers hold. socat writes
# to its own pipe, so a write of more than PIPE_BUF bytes may wait forever.
head -c 3000000 /dev/urandom >"$rig/sent"
start_socat -b 4096 TCP-LISTEN:0,bind=127.0.0.1,fork PIPE
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
[ ! -s "$rig/out" ] || fail "stdout is not empty"

# A server that sends first, and closes while standard input is idle.
start_socat TCP-LISTEN:0,bind=127.0.0.1 SYSTEM:'echo hello'
mkfifo "$rig/silence"
sleep 60 >"$rig/silence" &
started="$started $!"
netcat <"$rig/silence"
expect_status 0
expect_stdout '^hello$'

# If the reader of its output closes the pipe, netcat reports an error; no signal ends it.
start_socat TCP-LISTEN:0,bind=127.0.0.1 SYSTEM:'cat /dev/zero'
{
    status=0
    timeout -k 5 60 "$COIL_EXAMPLES/netcat" --port "$port" </dev/null 2>"$rig/err" || status=$?
    echo "$status" >"$rig/status"
} | head -c 1000 >"$rig/out"
status=$(cat "$rig/status")
expect_status 1
expect_stderr "Broken pipe"
expect_one_line

# Standard input is closed.
status=0
timeout -k 5 60 "$COIL_EXAMPLES/netcat" --port "$port" <&- >"$rig/out" 2>"$rig/err" || status=$?
expect_status 1
expect_one_line

# No server listens, and wrong usage.
start tcp_echo_server
interrupt TERM
netcat </dev/null
expect_status 1
expect_stderr "127.0.0.1:$port: Connection refused"
expect_wrong 1 'resolve "127.0.0.1" "99999": a port is a number from 0 to 65535, or the name of a service' \
    netcat 127.0.0.1 99999
expect_wrong 2 "--host wants a name such as localhost, or an address" netcat --host ''
expect_wrong 2 "unknown option --listen" netcat --listen
