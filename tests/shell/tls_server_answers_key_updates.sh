#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# TLS 1.3: a client changes its keys, and asks the server to change its keys too, also many times in a row.
. "$(dirname "$0")/own_certificates"

# update COMMAND: sends a command to s_client, which sends the update. s_client reads a command only at the
# beginning of what it reads, so nothing may follow until it has sent the update.
updates=0
update() {
    echo "$1" >&3
    updates=$((updates + 1))
    wait_until '[ "$(grep -c "^>>> .*KeyUpdate" "$rig/out")" = "$updates" ]' || fail "s_client sent no update"
}

start_tls
open_client -tls1_3 -msg
say "before"
for round in 1 2 3; do
    update K # with an answer
    say "after update $round with an answer"
    update k
    say "after update $round without one"
done
# Many updates without data between them.
for round in 1 2 3 4 5 6 7 8 9 10; do
    update K
    update K
    update k
done
say "the last message"
close_client
answers=$(grep -c '^<<< .*KeyUpdate' "$rig/out") || :
[ "$answers" -ge 4 ] || fail "the server answered $answers updates"
[ ! -s "$rig/server.err" ] || fail "the server reported an error"

# An update arrives while the server cannot send, because nothing reads the output of s_client. The lines consist
# of digits, so none of them is a command.

# unread: prints the number of bytes, in hexadecimal, that the server has not received yet.
unread() {
    awk -v port=":$(printf '%04X' "$port")" '
        substr($2, 9) == port && $4 == "01" { print substr($5, 10) }' /proc/net/tcp
}
# is_stuck: succeeds if the server has left at least 4 KiB unread for a while.
is_stuck() {
    before=$(unread)
    case $before in
    '' | 00000???) return 1 ;;
    esac
    sleep 0.05
    [ "$(unread)" = "$before" ]
}

mkfifo "$rig/digits" "$rig/output"
exec 4<>"$rig/output"
openssl s_client -connect "127.0.0.1:$port" -CAfile "$pki/ca.pem" -tls1_3 -msg -msgfile "$rig/messages" \
    <"$rig/digits" >"$rig/output" 2>&1 4>&- &
client=$!
started="$started $client"
exec 3>"$rig/digits"
lines=0
until is_stuck; do
    printf '%08000d\n' $((lines + 1)) $((lines + 2)) $((lines + 3)) $((lines + 4)) >&3
    lines=$((lines + 4))
    [ "$lines" -le 4000 ] || fail "the server is never stuck"
done
stuck_at=$(unread)
echo K >&3
wait_until '[ "$(unread)" != "$stuck_at" ]' || fail "s_client sent no update"
cat <&4 >"$rig/out" 3>&- &
started="$started $!"
wait_until '[ "$(grep -c "^0*[1-9][0-9]*$" "$rig/out")" = "$lines" ]' || fail "not each line has an echo"
say "the end"
[ "$(grep "^0*[1-9][0-9]*$" "$rig/out" | sed 's/^0*//')" = "$(seq "$lines")" ] || fail "the echo differs"
close_client
grep -q '^<<< .*KeyUpdate' "$rig/messages" || fail "the server did not answer"
[ ! -s "$rig/server.err" ] || fail "the server reported an error"
interrupt TERM
expect_status 0
