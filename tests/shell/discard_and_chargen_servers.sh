#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The two servers that move bytes in one direction only, with socat as the client.
. "$(dirname "$0")/lib.sh"

needs socat

# The discard server receives 10 MB, sends nothing, and closes the connection when the client does.
start tcp_discard_server
head -c 10000000 /dev/zero | timeout 60 socat -t 30 - "TCP:127.0.0.1:$port" >"$rig/answer" || fail "the server did not receive them"
[ ! -s "$rig/answer" ] || fail "the server sent something"
interrupt INT
expect_status 0

# The chargen server sends the lines of RFC 864, also across the end of its buffer. A client that closes in
# the middle is not an error, and does not affect other clients.
start tcp_chargen_server
for client in 1 2; do
    timeout 60 socat -u "TCP:127.0.0.1:$port" - 2>"$rig/err" | head -c 1000000 >"$rig/lines$client"
done
expect_same "$rig/lines1" "$rig/lines2"
awk 'BEGIN {
    for (i = 32; i < 127; i++) cycle = cycle sprintf("%c", i)
    cycle = cycle cycle
    for (n = 0; n < 13514; n++) printf "%s\r\n", substr(cycle, n % 95 + 1, 72)
}' | head -c 1000000 >"$rig/expected"
expect_same "$rig/expected" "$rig/lines1"
[ ! -s "$rig/server.err" ] || fail "the server wrote to stderr"
interrupt INT
expect_status 0
