#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The client never exceeds its rate: 60 questions at 200 per second with a burst of 20 take at least 0.2 s.
. "$(dirname "$0")/lib.sh"

start tcp_echo_server
run rate_limited_client --port "$port" --rate 200 --burst 20 --count 60 --connections 5
expect_status 0
expect_stdout '^60 answers in [0-9]+\.[0-9]{3} s: [0-9]+ a second$'
awk '{ exit !($4 >= 0.195) }' "$rig/out" || fail "the rate is too high"

run rate_limited_client --port "$port" --rate 1000000 --burst 1000 --count 1000
expect_status 0
expect_stdout '^1000 answers'

"$COIL_EXAMPLES/rate_limited_client" --port "$port" --rate 1 --count 1000 >"$rig/out" 2>"$rig/err" &
client=$!
started="$started $client"
wait_until 'handles_interrupt "$client"' || fail "the client does not start"
kill -s INT "$client"
wait_for "$client"
expect_status 1
expect_stderr "interrupted"
interrupt INT
expect_status 0

# No server listens.
run rate_limited_client --port "$port"
expect_status 1
expect_stderr "Connection refused"
expect_one_line
