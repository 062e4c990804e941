#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# A server with idle clients uses almost no CPU time: under 1 %. The limit is 10 %, for a machine that is busy
# otherwise. A server that spins is far above it.
. "$(dirname "$0")/lib.sh"
needs nc

# User and system time in ticks of 10 ms.
cpu_of() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }

for protocol in tcp udp; do
    start "${protocol}_echo_server"
    run "${protocol}_echo_client" --port "$port" --count 10
    expect_status 0
    if [ "$protocol" = tcp ]; then
        mkfifo "$rig/idle"
        nc 127.0.0.1 "$port" <"$rig/idle" >/dev/null &
        started="$started $!"
        exec 3>"$rig/idle" # keeps the connection open and idle
    fi
    before=$(cpu_of "$server")
    sleep 2
    used=$(($(cpu_of "$server") - before))
    echo "$protocol: $used ticks in 2 s"
    [ "$used" -le 20 ] || fail "an idle server used $used ticks in 2 s"
    interrupt INT
    expect_status 0
done
