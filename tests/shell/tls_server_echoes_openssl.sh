#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# openssl's client talks to tls_echo_server, with each version of TLS that coil has and several ciphers. Older
# versions are refused.
. "$(dirname "$0")/own_certificates"

start_tls
for version in tls1_2 tls1_3; do
    open_client "-$version"
    say "hello over $version"
    say "$(printf '%01000d' 7)"
    close_client
    expect_stdout '^ *Verify return code: 0 \(ok\)'
done
expect_echo -tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305
expect_echo -tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256
expect_echo -connect "localhost:$port" -verify_hostname localhost

for version in tls1 tls1_1; do
    expect_refusal 'alert protocol version' "-$version" -cipher DEFAULT@SECLEVEL=0
    expect_echo
done
expect_refusal 'alert handshake failure' -tls1_2 -cipher NULL-SHA256:eNULL@SECLEVEL=0
[ "$(grep -c '^127.0.0.1:[0-9]*: .*: the TLS handshake failed$' "$rig/server.err")" = 3 ] ||
    fail "not each failed handshake was reported in a line"
expect_report "unsupported protocol"
interrupt TERM
expect_status 0
