#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# A wrong command line causes one line on stderr, which names what was expected, and status 2.
. "$(dirname "$0")/lib.sh"

programs='tcp_echo_server tcp_echo_client udp_echo_server udp_echo_client'

for program in $programs; do
    for port in 99999 65536 -1 port 77x 0x50 ' 80' '' 1e3 99999999999999999999999; do
        expect_wrong 2 "--port wants a number from " "$program" --port "$port"
        expect_stderr "to 65535, not \"$port\""
    done
    case $program in
    *_client) expect_wrong 2 "--host wants a name such as localhost, or an address" "$program" --host '' ;;
    *_server)
        for host in localhost 127.0.0 127.0.0.1:80 127.0.0.256 ' 127.0.0.1' ::1::2 '[::1]' ''; do
            expect_wrong 2 "--host wants an address such as 127.0.0.1 or ::1, not \"$host\"" \
                "$program" --host "$host"
        done
        ;;
    esac
    expect_wrong 2 "unknown option --prot" "$program" --prot 80
    expect_wrong 2 "unknown option -x" "$program" -x
    expect_wrong 2 "--port wants a value" "$program" --port
    case $program in
    *_client)
        expect_wrong 2 "unexpected argument 'more'; only options are expected besides NAME PORT" "$program" localhost 7777 more
        expect_wrong 2 "--host wants a name" "$program" ''
        expect_wrong 2 "--port wants a number" "$program" localhost http
        ;;
    *_server)
        expect_wrong 2 "unexpected argument '7777'; only options are expected" "$program" 7777
        expect_wrong 2 "unexpected argument ''" "$program" ''
        ;;
    esac
done

expect_wrong 2 "unexpected argument 'yes'" udp_echo_server --trains yes

for program in tcp_echo_client udp_echo_client; do
    expect_wrong 2 "--port wants a number from 1 to 65535" "$program" --port 0
    for count in 0 -1 10x 1.5 ''; do
        expect_wrong 2 "--count wants a number from 1 to " "$program" --count "$count"
    done
    expect_wrong 2 "--timeout wants a number from 1 to " "$program" --timeout 0
done
for size in 0 -1 65537; do
    expect_wrong 2 "--size wants a number from 1 to 65536, not \"$size\"" tcp_echo_client --size "$size"
done
for size in 0 7 65508; do
    expect_wrong 2 "--size wants a number from 8 to 65507, not \"$size\"" udp_echo_client --size "$size"
done
for connections in 0 -1 many; do
    expect_wrong 2 "--connections wants a number from 1 to " tcp_echo_client --connections "$connections"
done
expect_wrong 2 "either --name or --address is required" nslookup
expect_wrong 2 "either --name or --address is required" nslookup --name localhost --address ::1
expect_wrong 2 "--address wants an address such as 127.0.0.1 or ::1, not \"localhost\"" nslookup --address localhost
expect_wrong 2 "--family wants 4 or 6" nslookup --name localhost --family 5
for port in 65536 -1 +80 ' 80'; do
    expect_wrong 2 "a port is a number from 0 to 65535, or the name of a service" \
        nslookup --name localhost --service "$port"
done
expect_wrong 2 "--timeout wants a number from 1 to " nslookup --name localhost --timeout 0
expect_wrong 2 "--duration wants a number from 1 to " coil_demo --duration 0
expect_wrong 2 "unknown option --port" coil_demo --port 80
