#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# It echoes; parts with who is silent for too long; and on Ctrl-C says goodbye to everybody, also while they talk, and
# waits only so long for those who don't listen.
. "$(dirname "$0")/lib.sh"
needs socat

# talker FILE NUMBER: a client that hears into FILE, says "hello", and has more to say as long as that descriptor is open.
talker() {
    heard=$1
    mkfifo "$heard.in"
    socat - "TCP:127.0.0.1:$port" <"$heard.in" >"$heard" 2>/dev/null 3>&- 4>&- 5>&- &
    talker=$!
    started="$started $talker"
    eval "exec $2>\"\$heard.in\""
    echo hello >&"$2"
    wait_until 'grep -q hello "$heard"' || fail "there was no echo"
}

# Whether bytes wait in a socket of the server's.
server_has_unsent() {
    awk -v port=":$(printf '%04X' "$port")" '
        substr($2, 9) == port && $5 !~ /^00000000/ { found = 1 }
        END { exit !found }' /proc/net/tcp
}

start graceful_echo_server --idle 100
talker "$rig/silent" 3
wait_until 'grep -q "too long" "$rig/silent"' || fail "a silent client was not parted with"
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
    # Sends for ever, and never listens: the goodbye does not fit.
    socat -u OPEN:/dev/zero "TCP:127.0.0.1:$port" 2>/dev/null 3>&- 4>&- 5>&- &
    deaf=$!
    started="$started $deaf"
    wait_until 'server_has_unsent' || fail "it is not deaf"
    interrupt "$signal"
    expect_status 0
    for each in one other; do
        grep -q "going down" "$rig/$each.$signal" || fail "$each heard no goodbye"
    done
    exec 3>&- 4>&-
    for process in $one $other $deaf; do
        wait_for "$process"
    done
done
