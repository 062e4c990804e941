#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The servers can also listen on IPv6.
. "$(dirname "$0")/lib.sh"

grep -q ' lo$' /proc/net/if_inet6 2>/dev/null || skip "no IPv6 on the loopback interface"
for protocol in tcp udp; do
    start "${protocol}_echo_server" --host ::1
    case $line in
    "listening on [::1]:$port") ;;
    *) fail "it printed \"$line\"" ;;
    esac
    run "${protocol}_echo_client" --host ::1 --port "$port"
    expect_status 0
    interrupt INT
    expect_status 0
done

# A server on :: accepts IPv4 too.
for protocol in tcp udp; do
    start "${protocol}_echo_server" --host ::
    run "${protocol}_echo_client" --port "$port"
    expect_status 0
    interrupt INT
    expect_status 0
done
