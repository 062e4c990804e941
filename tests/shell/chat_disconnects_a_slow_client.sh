#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Each client receives the lines of all others. A client that reads nothing is disconnected, and does not
# block the others.
. "$(dirname "$0")/lib.sh"
needs socat

# join NAME: starts a client that sends the lines written to $rig/NAME.in, and stores what it receives in
# $rig/NAME.
join() {
    mkfifo "$rig/$1.in"
    socat - "TCP:127.0.0.1:$port" <"$rig/$1.in" >"$rig/$1" 2>/dev/null 3>&- 4>&- 5>&- &
    started="$started $!"
}
# receives NAME TEXT: waits until the client has received the text.
receives() {
    client=$1 text=$2
    wait_until 'grep -qF -- "$text" "$rig/$client"' || fail "$client did not receive \"$text\""
}

start chat_server --backlog 200
join ann
exec 3>"$rig/ann.in"
echo ann >&3
receives ann "What is your name?"
join bob
exec 4>"$rig/bob.in"
echo bob >&4
receives ann "bob is here"

echo "hello, bob" >&3
receives bob "ann: hello, bob"
echo "hello, ann" >&4
receives ann "bob: hello, ann"
! grep -q "ann: hello" "$rig/ann" || fail "ann receives her own line"

# A client that sends its name and never reads, with the smallest receive buffer.
mkfifo "$rig/deaf.in"
socat -u - "TCP:127.0.0.1:$port,rcvbuf=1024" <"$rig/deaf.in" 2>/dev/null 3>&- 4>&- 5>&- &
started="$started $!"
exec 5>"$rig/deaf.in"
echo deaf >&5
receives bob "deaf is here"
lines=0
until grep -q "deaf has gone" "$rig/bob"; do
    awk -v first="$lines" 'BEGIN { for (i = 1; i <= 100; i++) printf "%d %0900d\n", first + i, 0 }' >&3
    lines=$((lines + 100))
    receives bob "ann: $lines "
    [ "$lines" -lt 50000 ] || fail "the client deaf was not disconnected"
done
echo "still there?" >&3
receives bob "ann: still there?"

# A client that leaves, and a client whose line is too long.
exec 4>&-
receives ann "bob has gone"
join long
exec 4>"$rig/long.in"
echo long >&4
receives ann "long is here"
head -c 5000 /dev/zero | tr '\0' 'y' >&4
receives ann "long has gone"

interrupt INT
expect_status 0
