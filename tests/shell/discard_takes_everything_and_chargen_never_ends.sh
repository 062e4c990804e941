#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The two servers that move bytes in one direction only, against socat.
. "$(dirname "$0")/lib.sh"

needs socat

# It takes 10 MB, answers nothing, and ends the connection when we do.
start tcp_discard_server
head -c 10000000 /dev/zero | timeout 60 socat -t 30 - "TCP:127.0.0.1:$port" >"$rig/answer" || fail "it did not take them"
[ ! -s "$rig/answer" ] || fail "it answered"
interrupt INT
expect_status 0

# Lines of RFC 864, also across its buffer's end; a client that leaves in the middle disturbs nobody, and is no news.
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
[ ! -s "$rig/server.err" ] || fail "it complained"
interrupt INT
expect_status 0
