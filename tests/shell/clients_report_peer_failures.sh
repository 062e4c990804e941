#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# If the peer closes, resets, stops responding or sends wrong bytes, a client reports that in one line and
# exits with 1.
. "$(dirname "$0")/lib.sh"
needs socat

start_socat TCP-LISTEN:0,bind=127.0.0.1 SYSTEM:'head -c 1000'
expect_wrong 1 "end of stream" tcp_echo_client --port "$port" --size 1000
expect_stderr "127.0.0.1:$port"

# With linger=0, killing socat resets the connection.
start_socat -u TCP-LISTEN:0,bind=127.0.0.1,linger=0 OPEN:/dev/null
(
    wait_until 'grep -q "starting data transfer" "$rig/socat.err"' || :
    kill -s KILL "$server"
) &
started="$started $!"
expect_wrong 1 "Connection reset by peer" tcp_echo_client --port "$port"
expect_stderr "127.0.0.1:$port"

start_socat TCP-LISTEN:0,bind=127.0.0.1 SYSTEM:'head -c 1000 /dev/zero; cat >/dev/null'
expect_wrong 1 "message 0 came back with other bytes" tcp_echo_client --port "$port" --size 1000

# A stopped server: the kernel still accepts connections for it.
for protocol in tcp udp; do
    start "${protocol}_echo_server"
    kill -s STOP "$server"
    case $protocol in
    tcp) expected_text="the deadline passed" ;;
    udp) expected_text="none of 3 datagrams came back" ;;
    esac
    expect_wrong 1 "$expected_text" "${protocol}_echo_client" --port "$port" --timeout 100 --count 3
    expect_stderr "127.0.0.1:$port"
    kill -s CONT "$server"
    interrupt INT
    expect_status 0
done

# A server that is killed while clients talk to it.
for protocol in tcp udp; do
    start "${protocol}_echo_server"
    (
        sleep 0.3
        kill -s KILL "$server"
    ) &
    started="$started $!"
    expect_wrong 1 "127.0.0.1:$port" "${protocol}_echo_client" --port "$port" --count 1000000000
done
