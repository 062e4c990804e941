#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# A port that is in use, an address of another machine, a port without a listener: one line on stderr, status
# 1.
. "$(dirname "$0")/lib.sh"

for protocol in tcp udp; do
    start "${protocol}_echo_server"
    expect_wrong 1 "127.0.0.1:$port (another socket has this port: stop its program, choose another port, or share it with reuse_port): Address already in use" \
        "${protocol}_echo_server" --port "$port"
    expect_wrong 1 "192.0.2.1:0 (no interface of this machine has this address): Cannot assign requested address" \
        "${protocol}_echo_server" --host 192.0.2.1 --port 0
    interrupt TERM
    expect_status 0

    # No server listens there now.
    expect_wrong 1 "127.0.0.1:$port: Connection refused" "${protocol}_echo_client" --port "$port"
done
