#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The demo measures every workload, finds every byte right, and leaves no server behind.
. "$(dirname "$0")/lib.sh"

run coil_demo --duration 30
expect_status 0
expect_printed '^tcp  1 connection, 64 B +[0-9]+ '
expect_printed '^tcp  64 connections, 16384 B +[0-9]+ '
expect_printed '^udp  1 socket, 64 B +[0-9]+ '
expect_printed '^udp  64 sockets, 1400 B +[0-9]+ '
expect_printed '^Every byte that came back was the one sent'
[ ! -s "$rig/err" ] || fail "it complained"
