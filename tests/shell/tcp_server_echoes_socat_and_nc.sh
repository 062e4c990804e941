#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# socat and nc send 3 MB and a line of text through tcp_echo_server.
. "$(dirname "$0")/lib.sh"
needs socat nc

head -c 3000000 /dev/urandom >"$rig/bytes"
echo "Hello, coil." >"$rig/text"
start tcp_echo_server

for sent in bytes text; do
    timeout 60 socat -t 30 - "TCP:127.0.0.1:$port" <"$rig/$sent" >"$rig/back" || fail "socat failed"
    expect_same "$rig/$sent" "$rig/back"

    timeout 60 nc -N 127.0.0.1 "$port" <"$rig/$sent" >"$rig/back" || fail "nc failed"
    expect_same "$rig/$sent" "$rig/back"
done

interrupt INT
expect_status 0
