#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# 1,000 simultaneous connections, each with its own bytes.
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC3045 # every sh in use knows -n
if ulimit -n 2000 2>/dev/null || [ "$(ulimit -n)" -ge 2000 ]; then :; else
    skip "only $(ulimit -n) descriptors are allowed"
fi

start tcp_echo_server
run tcp_echo_client --port "$port" --connections 1000 --size 1000 --count 5
expect_status 0
expect_stdout '^5000 messages, 5000000 bytes, '
[ ! -s "$rig/server.err" ] || fail "the server wrote to stderr"

interrupt INT
expect_status 0
