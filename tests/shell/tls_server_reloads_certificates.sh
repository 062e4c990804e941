#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# SIGHUP: new connections get the new certificate, earlier connections continue. The server keeps its
# certificate if the new files cannot be used.
. "$(dirname "$0")/own_certificates"

# certificate_shown: prints the fingerprint of the certificate that the server shows.
certificate_shown() { openssl x509 -in "$rig/out" -noout -fingerprint -sha256; }

# hang_up TEXT: sends SIGHUP, and waits for the server's report.
hang_up() {
    : >"$rig/server.err"
    kill -s HUP "$server"
    expect_report "$1"
}

start_tls
expect_echo
first=$(certificate_shown)
open_client
say "before"

# shellcheck disable=SC2094 # descriptor 3 belongs to the open client
certificates "$pki"
hang_up "reloaded the certificates"
say "after"
close_client
[ "$(certificate_shown)" = "$first" ] || fail "an earlier connection changed its certificate"
expect_echo
second=$(certificate_shown)
[ "$second" != "$first" ] || fail "the server shows its first certificate"

cp "$pki/server.key" "$rig/good.key"
cp "$pki/server.pem" "$rig/good.pem"
echo nonsense >"$pki/server.pem"
hang_up "$pki/server.pem: there is nothing of this kind in PEM format; the server keeps"
expect_echo
rm "$pki/server.pem"
hang_up "cannot read $pki/server.pem: No such file or directory; the server keeps"
expect_echo
cp "$rig/good.pem" "$pki/server.pem"
cp "$pki/client.key" "$pki/server.key"
hang_up "the key does not belong to the certificate; the server keeps"
expect_echo
openssl pkey -aes256 -passout pass:secret -in "$rig/good.key" -out "$pki/server.key"
hang_up "the key is encrypted; decrypt it with \`openssl pkey\`; the server keeps"
expect_echo
[ "$(certificate_shown)" = "$second" ] || fail "the certificate has changed"
cp "$rig/good.key" "$pki/server.key"
hang_up "reloaded the certificates"
expect_echo
interrupt TERM
expect_status 0
