#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# After a client's close_notify, the server still sends the whole echo. A connection that ends without
# close_notify, at any byte, is reported as truncated, and the bytes before it are echoed. python's ssl is the
# peer, in both roles.
. "$(dirname "$0")/own_certificates"
needs python3

start_tls
peer half_close "$port" "$pki/ca.pem"
[ ! -s "$rig/server.err" ] || fail "the server reported an error"

peer truncate "$port" "$pki/ca.pem"
ends=$(wc -l <"$rig/out")
[ "$ends" -ge 7 ] || fail "only $ends connections were cut"
truncated='the connection ended without close_notify, so bytes may be missing'
# One more connection measures the size of a record.
wait_until '[ "$(grep -c "$truncated\$" "$rig/server.err")" = $((ends + 1)) ]' ||
    fail "not each of $ends connections was reported as truncated"
[ "$(wc -l <"$rig/server.err")" = $((ends + 1)) ] || fail "there are other reports"
expect_echo
interrupt TERM
expect_status 0

# coil's client still sends after the server's close_notify.
start_peer early_goodbye "$pki/server.pem" "$pki/server.key"
mkfifo "$rig/input"
: >"$rig/out"
"$COIL_EXAMPLES/tls_echo_client" --ca "$pki/ca.pem" localhost "$port" <"$rig/input" >"$rig/out" 2>"$rig/err" &
client=$!
started="$started $client"
exec 3>"$rig/input"
wait_until 'grep -q "^bye$" "$rig/out"' || fail "the client did not print the server's message"
echo "still here" >&3
exec 3>&-
wait_for "$client"
expect_status 0
wait_for "$server"
expect_status 0
grep -q '^still here$' "$rig/peer" || fail "the server did not receive the client's message"

start_peer cut 0,3,5,20 "$pki/server.pem" "$pki/server.key"
for size in 0 3 5 20; do
    run tls_echo_client --ca "$pki/ca.pem" localhost "$port" </dev/null
    expect_status 1
    expect_stderr "$truncated"
    [ "$(cat "$rig/out")" = first ] || fail "after $size bytes, the client did not print the bytes before"
done
