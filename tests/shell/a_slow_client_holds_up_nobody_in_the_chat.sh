#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Everybody hears everybody else; one who reads nothing is put out, while the others go on.
. "$(dirname "$0")/lib.sh"
needs socat

# joins NAME: a client that says its name, and whatever is written to its file descriptor.
joins() {
    mkfifo "$rig/$1.in"
    socat - "TCP:127.0.0.1:$port" <"$rig/$1.in" >"$rig/$1" 2>/dev/null 3>&- 4>&- 5>&- &
    started="$started $!"
}
# hears NAME TEXT
hears() {
    who=$1 text=$2
    wait_until 'grep -qF -- "$text" "$rig/$who"' || fail "$who did not hear \"$text\""
}

start chat_server --backlog 200
joins ann
exec 3>"$rig/ann.in"
echo ann >&3
hears ann "What is your name?"
joins bob
exec 4>"$rig/bob.in"
echo bob >&4
hears ann "bob is here"

echo "hello, bob" >&3
hears bob "ann: hello, bob"
echo "hello, ann" >&4
hears ann "bob: hello, ann"
! grep -q "ann: hello" "$rig/ann" || fail "ann hears herself"

# One who says his name and never reads, with as little room as the system gives.
mkfifo "$rig/deaf.in"
socat -u - "TCP:127.0.0.1:$port,rcvbuf=1024" <"$rig/deaf.in" 2>/dev/null 3>&- 4>&- 5>&- &
started="$started $!"
exec 5>"$rig/deaf.in"
echo deaf >&5
hears bob "deaf is here"
lines=0
until grep -q "deaf has gone" "$rig/bob"; do
    awk -v first="$lines" 'BEGIN { for (i = 1; i <= 100; i++) printf "%d %0900d\n", first + i, 0 }' >&3
    lines=$((lines + 100))
    hears bob "ann: $lines "
    [ "$lines" -lt 50000 ] || fail "the deaf one was never put out"
done
echo "still there?" >&3
hears bob "ann: still there?"

# One who leaves, and one whose line is too long.
exec 4>&-
hears ann "bob has gone"
joins long
exec 4>"$rig/long.in"
echo long >&4
hears ann "long is here"
head -c 5000 /dev/zero | tr '\0' 'y' >&4
hears ann "long has gone"

interrupt INT
expect_status 0
