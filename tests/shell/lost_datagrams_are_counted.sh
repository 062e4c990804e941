#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Lost datagrams are counted, and the others arrive. A late echo does not count as a wrong one.
. "$(dirname "$0")/lib.sh"

# has_queued: succeeds if datagrams wait in the socket of the server. /proc/net/udp has the local address in
# column 2 and the queues in column 5.
has_queued() {
    awk -v port=":$(printf %04X "$port")\$" '
        $2 ~ port && $5 !~ /:00000000$/ { found = 1 }
        END { exit !found }' /proc/net/udp
}

start udp_echo_server
kill -s STOP "$server"
(
    wait_until has_queued || :
    sleep 0.25
    kill -s CONT "$server"
) &
started="$started $!"
run udp_echo_client --port "$port" --count 100 --timeout 100
expect_status 0
expect_stdout '^[0-9]+ messages, [1-9][0-9]* lost, [0-9]+ bytes, '
echoed=$(sed 's/ .*//' "$rig/out")
lost=$(sed 's/.*messages, \([0-9]*\) lost.*/\1/' "$rig/out")
[ $((echoed + lost)) = 100 ] || fail "$echoed and $lost are not 100"

interrupt INT
expect_status 0
