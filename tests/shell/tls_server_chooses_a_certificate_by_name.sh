#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# SNI: the name that a client sends chooses the certificate. Without a name, or with an unknown one, the
# server shows its first certificate. A wildcard stands for one label.
. "$(dirname "$0")/own_certificates"

certificates --names one.example,www.one.example "$pki"
mv "$pki/server.pem" "$pki/one.pem" && mv "$pki/server.key" "$pki/one.key"
certificates --names '*.two.example' "$pki"
mv "$pki/server.pem" "$pki/two.pem" && mv "$pki/server.key" "$pki/two.key"
certificates "$pki"

start tls_echo_server --cert "$pki/server.pem,$pki/one.pem,$pki/two.pem" \
    --key "$pki/server.key,$pki/one.key,$pki/two.key"

# expect_subject NAME [ARGUMENT]...
expect_subject() {
    subject_expected=$1
    shift
    for version in tls1_2 tls1_3; do
        expect_echo "-$version" "$@"
        sed 's/^subject=CN *= */subject: /' "$rig/out" | grep -qxF "subject: $subject_expected" ||
            fail "the certificate is not that of $subject_expected"
    done
}
expect_subject localhost -noservername
expect_subject localhost -servername localhost
expect_subject one.example -servername one.example -verify_hostname one.example
expect_subject one.example -servername www.one.example -verify_hostname www.one.example
expect_subject one.example -servername ONE.EXAMPLE
expect_subject '*.two.example' -servername a.two.example -verify_hostname a.two.example
expect_subject localhost -servername a.b.two.example
expect_subject localhost -servername unknown.example

run tls_echo_client --ca "$pki/ca.pem" --name www.one.example 127.0.0.1 "$port" </dev/null
expect_status 0
run tls_echo_client --ca "$pki/ca.pem" --name unknown.example 127.0.0.1 "$port" </dev/null
expect_status 1
expect_stderr "unknown.example"
expect_stderr "the certificate is for another host"

# A server may also refuse a name that it does not know.
interrupt TERM
start tls_echo_server --known-names-only --cert "$pki/server.pem,$pki/one.pem" --key "$pki/server.key,$pki/one.key"
expect_subject localhost -noservername
expect_subject one.example -servername one.example
for version in tls1_2 tls1_3; do
    expect_refusal 'unrecognized name' "-$version" -servername unknown.example
done
expect_report "no certificate is for unknown.example"
run tls_echo_client --ca "$pki/ca.pem" --name unknown.example 127.0.0.1 "$port" </dev/null
expect_status 1
expect_stderr "unrecognized name"

# A certificate needs a key of its own.
expect_wrong 2 "one key for each certificate" tls_echo_server --port 0 --cert "$pki/server.pem,$pki/one.pem" \
    --key "$pki/server.key"
expect_wrong 1 "the key does not belong to the certificate" \
    tls_echo_server --port 0 --cert "$pki/server.pem" --key "$pki/one.key"
