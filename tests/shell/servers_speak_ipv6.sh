#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The servers listen on IPv6 as well.
. "$(dirname "$0")/lib.sh"

grep -q ' lo$' /proc/net/if_inet6 2>/dev/null || skip "no IPv6 on the loopback interface"
for protocol in tcp udp; do
    start "${protocol}_echo_server" --host ::1
    case $line in
    "listening on [::1]:$port") ;;
    *) fail "it said \"$line\"" ;;
    esac
    run "${protocol}_echo_client" --host ::1 --port "$port"
    expect_status 0
    interrupt INT
    expect_status 0
done

# Any address of IPv6 takes IPv4 as well.
for protocol in tcp udp; do
    start "${protocol}_echo_server" --host ::
    run "${protocol}_echo_client" --port "$port"
    expect_status 0
    interrupt INT
    expect_status 0
done
