#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# It is never faster than it may be: 60 questions at 200 a second, of which 20 come at once, take 0.2 s at least.
. "$(dirname "$0")/lib.sh"

start tcp_echo_server
run rate_limited_client --port "$port" --rate 200 --burst 20 --count 60 --connections 5
expect_status 0
expect_printed '^60 answers in [0-9]+\.[0-9]{3} s: [0-9]+ a second$'
awk '{ exit !($4 >= 0.195) }' "$rig/out" || fail "it was too fast"

run rate_limited_client --port "$port" --rate 1000000 --burst 1000 --count 1000
expect_status 0
expect_printed '^1000 answers'

"$COIL_EXAMPLES/rate_limited_client" --port "$port" --rate 1 --count 1000 >"$rig/out" 2>"$rig/err" &
client=$!
started="$started $client"
wait_until 'handles_interrupt "$client"' || fail "the client does not start"
kill -s INT "$client"
wait_for "$client"
expect_status 1
expect_said "interrupted"
interrupt INT
expect_status 0

# Nobody listens, and a server that goes away.
run rate_limited_client --port "$port"
expect_status 1
expect_said "Connection refused"
expect_one_line
