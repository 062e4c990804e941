#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The programs with TLS: help is a success, and a wrong command line causes one line on stderr and status 2.
. "$(dirname "$0")/own_certificates"

for program in tls_echo_server tls_echo_client https_get; do
    run "$program" --help
    expect_status 0
    expect_stdout "^usage: $program "
    [ ! -s "$rig/err" ] || fail "it wrote to stderr"
    expect_wrong 2 "unknown option --prot" "$program" --prot 80
    expect_wrong 2 "--ca wants a value" "$program" --ca
done
expect_wrong 2 "--timeout wants a number" tls_echo_server --cert x --key y --timeout 0
expect_wrong 2 "--timeout wants a number" tls_echo_client --timeout 0
expect_wrong 2 "--timeout wants a number" https_get https://localhost/ --timeout 0
expect_wrong 2 "--cert and --key are required" tls_echo_server
expect_wrong 2 "--cert and --key are required" tls_echo_server --cert "$pki/server.pem"
expect_wrong 2 "--require-client-cert wants --ca" \
    tls_echo_server --cert "$pki/server.pem" --key "$pki/server.key" --require-client-cert
expect_wrong 2 "--port wants a number" tls_echo_server --cert x --key y --port x
expect_wrong 1 "cannot read $rig/none.pem: No such file or directory" \
    tls_echo_server --cert "$rig/none.pem" --key "$pki/server.key"
expect_wrong 2 "--cert and --key belong together" tls_echo_client --cert "$pki/client.pem"
expect_wrong 2 "--insecure trusts every server" tls_echo_client --insecure --ca "$pki/ca.pem"
expect_wrong 2 "--insecure trusts every server" https_get --insecure --ca "$pki/ca.pem" https://localhost/
expect_wrong 1 "ALPN" tls_echo_client --alpn "$(printf '%0300d' 0)"
