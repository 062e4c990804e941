#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# TLS 1.2: a client that renegotiates is refused, and other clients are not disturbed.
. "$(dirname "$0")/own_certificates"

start_tls
open_client -tls1_2
say "before"
other_in=$rig/other.in
mkfifo "$other_in"
openssl s_client -connect "127.0.0.1:$port" -CAfile "$pki/ca.pem" <"$other_in" >"$rig/other" 2>&1 3>&- &
other=$!
started="$started $other"
exec 4>"$other_in"
echo "one message" >&4
wait_until 'grep -q "one message" "$rig/other"' || fail "the other client has no echo"

echo R >&3
wait_until 'has_ended "$client"' || fail "s_client does not end"
exec 3>&-
wait_for "$client"
expect_stdout 'no renegotiation'

echo "another message" >&4
wait_until 'grep -q "another message" "$rig/other"' || fail "the other client was disturbed"
exec 4>&-
wait_for "$other"
expect_status 0
expect_echo -tls1_2
interrupt TERM
expect_status 0
