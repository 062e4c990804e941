#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# A client that returns resumes its session with a ticket, in TLS 1.2 and 1.3, also after the server has
# reloaded its certificates, and after a connection that ended without close_notify.
. "$(dirname "$0")/own_certificates"
needs python3

start_tls
for version in tls1_2 tls1_3; do
    expect_echo "-$version" -sess_out "$rig/session"
    expect_stdout '^New, TLSv1\.[23], Cipher is '
    expect_echo "-$version" -sess_in "$rig/session" -sess_out "$rig/session"
    expect_stdout '^Reused, TLSv1\.[23], Cipher is '

    kill -s HUP "$server"
    expect_report "reloaded"
    expect_echo "-$version" -sess_in "$rig/session"
    expect_stdout '^Reused, TLSv1\.[23], Cipher is '
done

peer resume "$port" "$pki/ca.pem"

# coil's client, and a server that has started after the ticket was issued.
run tls_echo_client --ca "$pki/ca.pem" --reconnect localhost "$port" </dev/null
expect_status 0
[ "$(sed 's/.*, //' "$rig/err" | tr '\n' ,)" = 'new session,resumed session,' ] ||
    fail "the session was not resumed"
run tls_echo_client --insecure --reconnect localhost "$port" </dev/null
expect_status 0
[ "$(sed 's/.*, //' "$rig/err" | tr '\n' ,)" = 'new session,new session,' ] ||
    fail "a client that does not verify has resumed"
interrupt TERM
expect_status 0
start_tls
expect_echo -tls1_3 -sess_in "$rig/session"
expect_stdout '^New, TLSv1\.3, Cipher is '

# coil's client with openssl's server.
for version in tls1_2 tls1_3; do
    start_openssl "-$version" -cert "$pki/server.pem" -key "$pki/server.key" -rev
    run tls_echo_client --ca "$pki/ca.pem" --reconnect --timeout 2000 localhost "$port" </dev/null
    grep -q 'resumed session' "$rig/err" || fail "$version: the session was not resumed"
done
