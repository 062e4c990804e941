#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The four textbook examples work with each other, and none is longer than a page.
. "$(dirname "$0")/lib.sh"

for example in tcp_client tcp_server udp_client udp_server; do
    lines=$(wc -l <"$COIL_SOURCE_DIR/examples/$example.cpp")
    [ "$lines" -le 60 ] || fail "examples/$example.cpp has $lines lines"
done

# A machine may have no hosts file.
hosts=127.0.0.1
if getent ahosts localhost >/dev/null; then hosts="localhost $hosts"; fi

for kind in tcp udp; do
    start ${kind}_server
    for host in $hosts; do
        run ${kind}_client "$host" "$port" 'how are you?'
        expect_status 0
        expect_stdout '^how are you\?$'
    done
    kill_server
done

# Many concurrent clients.
start tcp_server
clients=''
for each in 1 2 3 4 5 6 7 8; do
    timeout 20 "$COIL_EXAMPLES/tcp_client" 127.0.0.1 "$port" "client $each" >"$rig/out$each" &
    clients="$clients $!"
done
for each in $clients; do
    wait "$each" || fail "a client failed"
done
for each in 1 2 3 4 5 6 7 8; do
    [ "$(cat "$rig/out$each")" = "client $each" ] || fail "client $each received another text"
done
kill_server

# No server.
run tcp_client 127.0.0.1 "$port"
expect_status 1
expect_stderr "connect to 127.0.0.1:$port: Connection refused"
run udp_client 127.0.0.1 "$port"
expect_status 1
expect_stderr "no answer from 127.0.0.1"
expect_wrong 2 "unexpected argument 'more'" tcp_client localhost 7777 hello more
expect_wrong 2 "--port wants a number" udp_server http
