#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# ALPN: the server's order decides, both sides learn the result, and a handshake without a common protocol
# fails.
. "$(dirname "$0")/own_certificates"

start_tls --alpn h2,http/1.1
for version in tls1_2 tls1_3; do
    expect_echo "-$version" -alpn http/1.1,h2
    expect_stdout '^ALPN protocol: h2$'
    expect_echo "-$version" -alpn http/1.1
    expect_stdout '^ALPN protocol: http/1.1$'
    expect_echo "-$version"
    expect_stdout '^No ALPN negotiated$'
    expect_refusal 'alert no application protocol' "-$version" -alpn spdy/1
done
run tls_echo_client --ca "$pki/ca.pem" --alpn http/1.1 localhost "$port" </dev/null
expect_status 0
expect_stderr 'ALPN http/1.1,'
run tls_echo_client --ca "$pki/ca.pem" localhost "$port" </dev/null
expect_status 0
expect_stderr 'ALPN none,'
run tls_echo_client --ca "$pki/ca.pem" --alpn spdy/1 localhost "$port" </dev/null
expect_status 1
expect_stderr 'alert no application protocol'
interrupt TERM
expect_status 0

# A server without a list accepts every client.
start_tls
expect_echo -alpn spdy/1
expect_stdout '^No ALPN negotiated$'
