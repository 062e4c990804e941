#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# A certificate that https_get refuses, or a server without TLS, leads to one line with the host, the cause
# and the remedy. Each cause has a text of its own. With --insecure, the page is printed.
. "$(dirname "$0")/own_certificates"

cd "$rig" || exit
echo content >page

# expect_cause TEXT HOST: requests a page from openssl's server with the certificate in "$other".
other=$rig/other
expect_cause() {
    start_openssl -cert "$other/server.pem" -key "$other/server.key" -WWW
    run https_get --ca "$pki/ca.pem" "https://$2:$port/page"
    expect_status 1
    expect_stderr "tls ($2): "
    expect_stderr "$1"
    expect_one_line
    echo "$1" >>"$rig/causes"

    run https_get --insecure "https://$2:$port/page"
    expect_status 0
    [ "$(cat "$rig/out")" = content ] || fail "with --insecure, it did not print the page"
    kill_server
}

cp -r "$pki" "$other"
certificates --expired "$other"
expect_cause "CN=localhost: certificate has expired: the certificate has expired; the server needs" localhost
certificates --names example.org,127.0.0.2 "$other"
expect_cause "the certificate is for another host; use one of the names" localhost
expect_cause "the certificate is for another host" 127.0.0.1
certificates --self-signed "$other"
expect_cause "the certificate is self-signed and not trusted; if you trust it, pass" localhost
certificates "$other.stranger"
other=$other.stranger
expect_cause "the issuer of the certificate is not trusted" localhost
cp "$pki/client.pem" "$other/server.pem"
cp "$pki/client.key" "$other/server.key"
expect_cause "the certificate is for another purpose" localhost
[ "$(sort -u "$rig/causes" | wc -l)" -ge 6 ] || fail "causes have the same text"

# The certificates of the system do not contain the test authority.
start_tls
run https_get "https://localhost:$port/"
expect_status 1
expect_stderr "with --ca"
run https_get --ca "$rig/none.pem" "https://localhost:$port/"
expect_status 1
expect_stderr "cannot read $rig/none.pem: No such file or directory"
run https_get --ca "$pki/ca.key" "https://localhost:$port/"
expect_status 1
expect_stderr "$pki/ca.key: there is nothing of this kind in PEM format"
interrupt TERM

# A server without TLS sends back the ClientHello.
start tcp_echo_server
run https_get --ca "$pki/ca.pem" "https://localhost:$port/"
expect_status 1
expect_stderr "tls (localhost): "
expect_stderr "the TLS handshake failed"
expect_one_line
kill_server
run https_get --ca "$pki/ca.pem" "https://localhost:$port/"
expect_status 1
expect_stderr "Connection refused"

for url in '' http://localhost/ localhost ftp://localhost/ 'HTTPS://localhost/'; do
    expect_wrong 2 "URL wants an address such as https://example.org/" https_get "$url"
done
for url in https://user@localhost/ 'https://localhost/a b' 'https://[::1/'; do
    expect_wrong 2 "cannot use this URL" https_get "$url"
done
for url in https:// https:///path https://:443/; do
    expect_wrong 2 "contains no host" https_get "$url"
done
expect_wrong 1 "a port is a number" https_get https://localhost:99999/
