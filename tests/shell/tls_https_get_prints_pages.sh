#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# https_get prints the body of a response, whose end is a length, a last chunk or close_notify. Incomplete
# responses and errors of the server are failures. The servers are those of openssl and python.
. "$(dirname "$0")/own_certificates"
needs python3

get() { run https_get --ca "$pki/ca.pem" "https://localhost:$port$1"; }

mkdir "$rig/pages"
cd "$rig/pages" || exit
head -c 300000 /dev/urandom >page
start_openssl -cert "$pki/server.pem" -key "$pki/server.key" -WWW
for time in first second; do
    get /page
    expect_status 0
    cmp page "$rig/out" || fail "the $time page differs"
done

start_peer http "$pki/server.pem" "$pki/server.key"
get /page
expect_status 0
expect_same page "$rig/out"
get /
expect_status 0
expect_stdout 'href="page"'
get /none
expect_status 1
expect_stderr "https://localhost:$port/none: 404 File not found"
expect_one_line
[ ! -s "$rig/out" ] || fail "it printed the body of an error"

start_peer raw_http "$pki/server.pem" "$pki/server.key"

# expect_body TARGET BODY
expect_body() {
    get "$1"
    expect_status 0
    [ "$(cat "$rig/out")" = "$2" ] || fail "the body of $1 differs"
}
expect_body /length length
expect_body /chunked chunked
expect_body /until_close 'until close'
expect_body /continue final
expect_body /empty ''
expect_body '/query?a=b#fragment' query
# A length or a last chunk ends the body, so close_notify is not needed.
expect_body /length/cut length
expect_body /chunked/cut chunked

# expect_failure TARGET TEXT
expect_failure() {
    get "$1"
    expect_status 1
    expect_stderr "$2"
    expect_one_line
}
truncated='the connection ended without close_notify, so bytes may be missing'
expect_failure /until_close/cut "$truncated"
[ "$(cat "$rig/out")" = 'until close' ] || fail "the bytes before the end are missing"
expect_failure /short "the response is incomplete"
expect_failure /short/cut "$truncated"
expect_failure /short_chunk "the response is incomplete"
expect_failure /no_last_chunk "the response is incomplete"
expect_failure /bad_chunk '"-1" is not a size'
expect_failure /two_lengths "two different sizes"
expect_failure /not_http "not HTTP/1"
expect_failure /no_head/cut "$truncated"
expect_failure /moved "301 Moved Permanently; the page is at https://example.org/"

# Each address of a name is tried. Here, no server listens on ::1, which may be the first one.
expect_body /length length
run https_get --ca "$pki/ca.pem" --timeout 5000 "https://[::ffff:127.0.0.1]:$port/length"
expect_status 1
expect_stderr "the certificate is for another host"
