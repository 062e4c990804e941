#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The echo clients work with servers of socat.
. "$(dirname "$0")/lib.sh"
needs socat

start_socat TCP-LISTEN:0,bind=127.0.0.1,fork,backlog=100 PIPE
run tcp_echo_client --port "$port"
expect_status 0
expect_stdout '^1000 messages, 64000 bytes, [0-9.]+ s, [0-9]+ messages/s$'
run tcp_echo_client --port "$port" --connections 10 --size 65536 --count 10
expect_status 0
expect_stdout '^100 messages, 6553600 bytes, '
run tcp_echo_client --port "$port" --size 1 --count 1
expect_status 0
expect_stdout '^1 messages, 1 bytes, '

for size in 8 64 1400 65507; do
    start_socat -b 65536 UDP-LISTEN:0,bind=127.0.0.1 PIPE
    run udp_echo_client --port "$port" --size "$size" --count 100
    expect_status 0
    expect_stdout "^100 messages, 0 lost, $((size * 100)) bytes, [0-9.]+ s, [0-9]+ messages/s\$"
done
