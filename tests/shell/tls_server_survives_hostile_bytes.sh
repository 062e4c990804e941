#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Garbage, HTTP without TLS, damaged and half handshakes, closed and silent connections: the server reports
# them in one line each, closes them within its limit, and serves others meanwhile.
. "$(dirname "$0")/own_certificates"
needs python3

start_tls --timeout 1000
expect_echo
descriptors=$(find "/proc/$server/fd" | wc -l)
peer hostile "$port"
expect_echo
expect_report "http request"
expect_report "wrong version number"
expect_report "the peer has closed the connection"
expect_report "the deadline passed"
! grep -qv '^127.0.0.1:[0-9]*: ' "$rig/server.err" || fail "a report does not begin with the client's address"
! grep -qE ':[0-9A-F]{8}:|337690831' "$rig/server.err" || fail "a report contains a number of OpenSSL"
wait_until '[ "$(find "/proc/$server/fd" | wc -l)" = "$descriptors" ]' || fail "connections remain open"
interrupt TERM
expect_status 0
