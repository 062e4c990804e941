#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# For each client that resets its connection the server prints a line on stderr. Other clients are not
# affected.
. "$(dirname "$0")/lib.sh"
needs socat

# Connects, and is killed when its first byte has come back. With linger=0 that is a reset.
reset_a_connection() {
    : >"$rig/back"
    socat - "TCP:127.0.0.1:$port,linger=0" <"$rig/typed" >"$rig/back" 2>"$rig/socat.err" &
    client=$!
    started="$started $client"
    exec 3>"$rig/typed"
    echo x >&3
    wait_until '[ -s "$rig/back" ]' || fail "no echo"
    kill -s KILL "$client"
    wait_for "$client"
    exec 3>&-
}

mkfifo "$rig/typed"
start tcp_echo_server
for client in 1 2 3 4 5; do
    reset_a_connection
done
run tcp_echo_client --port "$port" --connections 20 --size 5000 --count 20
expect_status 0
interrupt INT
expect_status 0

reported=$(grep -c "^coil: a task .*127.0.0.1:.*: Connection reset by peer$" "$rig/server.err" || :)
[ "$reported" = 5 ] || fail "$reported of 5 resets were reported"
