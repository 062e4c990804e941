#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Client certificates, optional and required: the server accepts those that its authority has issued, and
# refuses others with the reason. openssl, curl and tls_echo_client are the clients.
. "$(dirname "$0")/own_certificates"

certificates "$rig/stranger"
cp "$rig/stranger/ca.pem" "$rig/stranger.pem"
own="-cert $pki/client.pem -key $pki/client.key"
wrong="-cert $rig/stranger/client.pem -key $rig/stranger/client.key"

# In TLS 1.3, a client's handshake ends before the server has verified it, so s_client waits for the answer.
for version in tls1_2 tls1_3; do
    start_tls --ca "$pki/ca.pem" --require-client-cert
    # shellcheck disable=SC2086 # words
    {
        expect_echo "-$version" $own
        expect_stdout '^Acceptable client certificate CA names$'
        expect_refusal 'alert (certificate required|handshake failure)' "-$version"
        expect_report "the peer has shown no certificate"
        expect_refusal 'alert unknown ca' "-$version" $wrong
        expect_report "CN=Test Client: unable to get local issuer certificate"
        # A server's certificate is for another purpose.
        expect_refusal 'alert (unsupported certificate|bad certificate)' "-$version" \
            -cert "$pki/server.pem" -key "$pki/server.key"
        expect_report "the certificate is for another purpose"
        expect_echo "-$version" $own
        interrupt TERM
        expect_status 0

        start_tls --ca "$pki/ca.pem"
        expect_echo "-$version"
        expect_echo "-$version" $own
        expect_refusal 'alert unknown ca' "-$version" $wrong
        interrupt TERM
        expect_status 0
    }
done

start_tls --ca "$pki/ca.pem" --require-client-cert
echo hello >"$rig/hello"
run tls_echo_client --ca "$pki/ca.pem" --cert "$pki/client.pem" --key "$pki/client.key" localhost "$port" \
    <"$rig/hello"
expect_status 0
expect_same "$rig/hello" "$rig/out"
run tls_echo_client --ca "$pki/ca.pem" localhost "$port" <"$rig/hello"
expect_status 1
expect_stderr "certificate required"
run tls_echo_client --ca "$pki/ca.pem" --cert "$rig/stranger/client.pem" --key "$rig/stranger/client.key" \
    localhost "$port" <"$rig/hello"
expect_status 1
expect_stderr "unknown ca"

# An echo server returns curl's request. curl accepts that as HTTP 0.9, whose body ends with the connection.
needs curl
curl -sSN --http0.9 --max-time 60 --cacert "$pki/ca.pem" --cert "$pki/client.pem" --key "$pki/client.key" \
    "https://localhost:$port/path" >"$rig/out" 2>"$rig/err" &
client=$!
started="$started $client"
wait_until 'grep -q "^GET /path" "$rig/out"' || fail "there is no echo for curl"
interrupt TERM
expect_status 0
wait_for "$client"
expect_status 0
