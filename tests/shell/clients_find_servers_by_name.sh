#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The clients accept names from the hosts file and from a name server. If a name has addresses of both
# families, a TCP client finds the address on which the server listens.
. "$(dirname "$0")/own_names"
[ -e /proc/net/if_inet6 ] || skip "no IPv6"

for address in 127.0.0.1 ::1; do
    start tcp_echo_server --host "$address"
    for name in localhost here.example "$address"; do
        run tcp_echo_client --host "$name" --port "$port" --count 10 --connections 3
        expect_status 0
        expect_stdout '^30 messages, '
        run tcp_echo_client "$name" "$port"
        expect_stdout '^1000 messages, '
        echo "hello $name" | run netcat "$name" "$port"
        expect_stdout "^hello $name\$"
    done
    interrupt TERM
    expect_status 0
done
expect_query here.example
expect_wrong 1 "connect to [::1]:$port (Connection refused), 127.0.0.1:$port (Connection refused): Connection refused" \
    tcp_echo_client --host localhost --port "$port"

for address in 127.0.0.1 ::1; do
    start udp_echo_server --host "$address"
    run udp_echo_client localhost "$port" --count 10
    expect_status 0
    expect_stdout '^10 messages, 0 lost'
    interrupt TERM
    expect_status 0
done
expect_wrong 1 "no server answers: [::1]:$port (Connection refused), 127.0.0.1:$port (Connection refused)" \
    udp_echo_client localhost "$port"

start udp_echo_server --host ::
for name in localhost only-v4 here.example ::1 127.0.0.1; do
    run udp_echo_client --host "$name" --port "$port" --count 10
    expect_status 0
    expect_stdout '^10 messages, 0 lost'
done
interrupt TERM
expect_status 0

for program in tcp_echo_client udp_echo_client; do
    for name in no.example '[::1]' 127.0.0.1:80 127.0.0.256 ' 127.0.0.1' ::1::2; do
        expect_wrong 1 "resolve \"$name\" \"7777\": Name or service not known" "$program" --host "$name"
    done
    expect_wrong 1 'resolve "hung.example" "7777": the deadline passed' "$program" --host hung.example --timeout 300
done
