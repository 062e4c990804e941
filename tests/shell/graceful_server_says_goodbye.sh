#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# graceful_echo_server echoes, and disconnects idle clients. On Ctrl-C it sends a goodbye to all clients, even
# while they talk, and waits for a limited time for clients that do not read.
. "$(dirname "$0")/lib.sh"
needs socat

# talker FILE NUMBER: starts a client that stores what it receives in FILE, sends "hello", and then sends what
# is written to descriptor NUMBER.
talker() {
    received=$1
    mkfifo "$received.in"
    socat - "TCP:127.0.0.1:$port" <"$received.in" >"$received" 2>/dev/null 3>&- 4>&- 5>&- &
    talker=$!
    started="$started $talker"
    eval "exec $2>\"\$received.in\""
    echo hello >&"$2"
    wait_until 'grep -q hello "$received"' || fail "there was no echo"
}

# server_has_unsent: succeeds if bytes wait in a send queue of the server.
server_has_unsent() {
    awk -v port=":$(printf '%04X' "$port")" '
        substr($2, 9) == port && $5 !~ /^00000000/ { found = 1 }
        END { exit !found }' /proc/net/tcp
}

start graceful_echo_server --idle 100
talker "$rig/silent" 3
wait_until 'grep -q "too long" "$rig/silent"' || fail "an idle client was not disconnected"
wait_for "$talker"
exec 3>&-
interrupt INT
expect_status 0

for signal in INT TERM; do
    start graceful_echo_server
    talker "$rig/one.$signal" 3
    one=$talker
    talker "$rig/other.$signal" 4
    other=$talker
    # Sends all the time and never reads, so there is no room for the goodbye.
    socat -u OPEN:/dev/zero "TCP:127.0.0.1:$port" 2>/dev/null 3>&- 4>&- 5>&- &
    deaf=$!
    started="$started $deaf"
    wait_until 'server_has_unsent' || fail "the send queue of the server is empty"
    interrupt "$signal"
    expect_status 0
    for each in one other; do
        grep -q "going down" "$rig/$each.$signal" || fail "$each received no goodbye"
    done
    exec 3>&- 4>&-
    for process in $one $other $deaf; do
        wait_for "$process"
    done
done
