#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Echo requests through unprivileged and raw sockets, missing replies, Ctrl-C, and missing permissions. The
# test runs in its own network namespace, so it can set the sysctl that permits unprivileged ping.
if [ -z "${COIL_OWN_NETWORK-}" ]; then
    unshare -n true 2>/dev/null || { echo "skipped: no permission to create a network namespace" && exit 77; }
    exec unshare -n env COIL_OWN_NETWORK=yes sh "$0"
fi
. "$(dirname "$0")/lib.sh"
needs ip
ip link set lo up
may_ping() { echo "$1" >/proc/sys/net/ipv4/ping_group_range; }
may_ping '0 2147483647'

for host in 127.0.0.1 ::1; do
    for kind in '' --raw; do
        run ping "$host" --count 3 --interval 1 --size 100 $kind
        expect_status 0
        expect_stdout "^108 bytes from $host: sequence 3, [0-9.]* ms$"
        expect_stdout '^3 sent, 3 received, 0 lost$'
        expect_stdout '^round trip min/avg/max [0-9.]*/[0-9.]*/[0-9.]* ms$'
    done
done

# A host that does not respond, with and without an error from the network.
ip route add unreachable 198.51.100.0/24
ip link add silent type veth peer name silent_peer || skip "no veth devices"
ip addr add 203.0.113.1/24 dev silent
ip link set silent up
ip link set silent_peer up
ip neigh add 203.0.113.9 lladdr 02:00:00:00:00:09 dev silent
run ping 203.0.113.9 --count 2 --interval 1 --timeout 20
expect_status 1
expect_stdout '^nothing from 203.0.113.9: sequence 2, after [0-9]* ms$'
expect_stdout '^2 sent, 0 received, 2 lost$'
run ping 198.51.100.1
expect_status 1
expect_stderr "connect to 198.51.100.1"

# Ctrl-C counts the replies so far. (The next request is far away.)
"$COIL_EXAMPLES/ping" 127.0.0.1 --count 1000 --interval 60000 >"$rig/out" 2>"$rig/err" &
server=$!
started="$started $server"
wait_until 'grep -q "sequence 1," "$rig/out"' || fail "the first reply did not come"
interrupt INT
expect_status 0
expect_stdout '^1 sent, 1 received, 0 lost$'

may_ping '1 0'
expect_wrong 1 "net.ipv4.ping_group_range" ping 127.0.0.1
expect_wrong 2 "--count wants a number" ping --count 0
expect_wrong 2 "--size wants a number" ping --size 65001
if command -v setpriv >/dev/null; then
    status=0
    setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all "$COIL_EXAMPLES/ping" 127.0.0.1 --raw \
        >"$rig/out" 2>"$rig/err" || status=$?
    expect_status 1
    expect_stderr "CAP_NET_RAW"
fi
