#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# socat and nc send 3 MB and a line of text through udp_echo_server. The next datagram, or train of datagrams,
# is sent when the previous one has come back, so that none is lost.
. "$(dirname "$0")/lib.sh"
needs socat nc

# send FILE SIZE: writes the file in pieces. Each piece is written when $rig/back holds all previous ones.
send() {
    total=$(size_of "$1")
    sent=0
    piece=0
    while [ "$sent" -lt "$total" ]; do
        dd if="$1" bs="$2" skip="$piece" count=1 status=none
        piece=$((piece + 1))
        sent=$((piece * $2))
        [ "$sent" -le "$total" ] || sent=$total
        wait_until '[ "$(size_of "$rig/back")" -ge "$sent" ]' || break
    done
}

by_socat() { timeout 60 socat -b 65536 -t 0.1 - "UDP:127.0.0.1:$port"; }
by_socat_in_trains() { # UDP_SEGMENT: 60 datagrams per write
    timeout 60 socat -b 65536 -t 0.1 - "UDP:127.0.0.1:$port,setsockopt-int=17:103:1000"
}
by_nc() { timeout 60 nc -u -q 0 127.0.0.1 "$port"; }

head -c 3000000 /dev/urandom >"$rig/bytes"
head -c 160000 "$rig/bytes" >"$rig/fewer"
echo "Hello, coil." >"$rig/text"

# echoes PEER FILE SIZE
echoes() {
    : >"$rig/back"
    send "$rig/$2" "$3" | "$1" >"$rig/back" || fail "$1 failed"
    expect_same "$rig/$2" "$rig/back"
}

for option in '' --trains; do
    start udp_echo_server $option
    echoes by_socat bytes 60000
    echoes by_socat text 100
    echoes by_socat_in_trains bytes 60000
    echoes by_nc fewer 16000 # nc reads no larger ones
    echoes by_nc text 100
    interrupt INT
    expect_status 0
done
