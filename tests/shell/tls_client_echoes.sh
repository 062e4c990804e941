#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# tls_echo_client sends its input and prints the echo, of any size, and describes the connection on stderr.
. "$(dirname "$0")/own_certificates"

head -c 3000000 /dev/urandom >"$rig/big"
printf 'no end of line' >"$rig/small"
start_tls
for input in "$rig/big" "$rig/small" /dev/null; do
    run tls_echo_client --ca "$pki/ca.pem" localhost "$port" <"$input"
    expect_status 0
    cmp - "$rig/out" <"$input" || fail "the echo differs"
    expect_stderr 'TLS 1.3, cipher TLS_AES_256_GCM_SHA384, ALPN none, new session'
    expect_one_line
done
for host in 127.0.0.1 localhost; do
    run tls_echo_client --ca "$pki/ca.pem" "$host" "$port" <"$rig/small"
    expect_status 0
done
run tls_echo_client --insecure --name anything.example 127.0.0.1 "$port" <"$rig/small"
expect_status 0
[ ! -s "$rig/server.err" ] || fail "the server reported an error"
interrupt TERM

if grep -q ' lo$' /proc/net/if_inet6 2>/dev/null; then
    start_tls --host ::1
    run tls_echo_client --ca "$pki/ca.pem" ::1 "$port" <"$rig/small"
    expect_status 0
    interrupt TERM
fi

# openssl's server reverses each line. It ends the connection at "CLOSE".
for version in tls1_2 tls1_3; do
    start_openssl "-$version" -cert "$pki/server.pem" -key "$pki/server.key" -alpn echo -rev
    printf 'abc\nCLOSE\n' >"$rig/input"
    run tls_echo_client --ca "$pki/ca.pem" --alpn echo localhost "$port" <"$rig/input"
    expect_stdout '^cba$'
    expect_stderr ', ALPN echo, new session'
done

# Both sides send more than the kernel's buffers hold, and the server does not read before it has sent everything.
needs python3
start_peer talk_first "$pki/server.pem" "$pki/server.key"
head -c 8388608 /dev/urandom >"$rig/big"
run tls_echo_client --ca "$pki/ca.pem" localhost "$port" <"$rig/big"
expect_status 0
wait_for "$server"
expect_status 0
head -c 8388608 /dev/zero | cmp - "$rig/out" || fail "the client received other bytes"
[ "$(tail -n 1 "$rig/peer")" = "$(sha256sum <"$rig/big" | sed 's/ .*//')" ] || fail "the server received other bytes"
