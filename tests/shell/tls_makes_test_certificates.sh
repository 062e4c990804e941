#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# tools/make_test_certificates: openssl accepts the certificates for their purposes and names only.
. "$(dirname "$0")/own_certificates"

# verify [ARGUMENT]...: lets openssl verify certificates of the test authority.
verify() { openssl verify -CAfile "$pki/ca.pem" -x509_strict "$@" >"$rig/out" 2>&1; }
# tool STATUS TEXT [ARGUMENT]...: runs the tool, and expects one line on stderr.
tool() {
    status_expected=$1 text_expected=$2
    shift 2
    status=0
    "$COIL_SOURCE_DIR/tools/make_test_certificates" "$@" >"$rig/out" 2>"$rig/err" || status=$?
    expect_status "$status_expected"
    expect_stderr "$text_expected"
    expect_one_line
}

for name in localhost 127.0.0.1 ::1; do
    case $name in
    localhost) set -- -verify_hostname $name ;;
    *) set -- -verify_ip $name ;;
    esac
    verify -purpose sslserver "$@" "$pki/server.pem" || fail "the certificate is not valid for $name"
done
verify -purpose sslclient "$pki/client.pem" || fail "the client's certificate is not valid"
! verify -purpose sslserver -verify_hostname example.org "$pki/server.pem" ||
    fail "the certificate is for all names"
! verify -purpose sslclient "$pki/server.pem" || fail "the server's certificate is for clients"
! verify -purpose sslserver "$pki/client.pem" || fail "the client's certificate is for servers"
[ -z "$(find "$pki" -name '*.key' -perm /077)" ] || fail "others may read the keys"

# The authority stays the same, and the certificates are new.
cp "$pki/ca.pem" "$rig/ca.pem"
cp "$pki/server.pem" "$rig/server.pem"
certificates --names example.org --days 2 "$pki"
expect_same "$rig/ca.pem" "$pki/ca.pem"
! cmp -s "$rig/server.pem" "$pki/server.pem" || fail "the certificate is the earlier one"
verify -purpose sslserver -verify_hostname example.org "$pki/server.pem" ||
    fail "the new certificate is not valid"
certificates --expired "$pki"
! verify "$pki/server.pem" || fail "the certificate has not expired"
expect_stdout 'certificate has expired'
certificates --self-signed "$pki"
! verify "$pki/server.pem" || fail "the certificate is not self-signed"
expect_stdout 'self-signed certificate|self signed certificate'

tool 2 "DIRECTORY is missing"
tool 2 "the name of DIRECTORY is empty" ''
tool 2 "unexpected argument 'two'" one two
tool 2 "unknown option '--day'" --day 3 x
tool 2 "--days wants a value" x --days
for days in 0 -1 x 10000 ''; do
    tool 2 "--days wants a number from 1 to 9999, not '$days'" --days "$days" x
done
for names in '' a,,b 'a b' a,DNS:b/; do
    tool 2 "--names wants names and addresses, not '$names'" --names "$names" x
done
tool 2 "either --expired or --self-signed" --expired --self-signed x
tool 1 "File exists" "$rig/ca.pem"
