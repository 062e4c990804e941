#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The demo measures every workload, and verifies every byte.
. "$(dirname "$0")/lib.sh"

run coil_demo --duration 30
expect_status 0
expect_stdout '^tcp  1 connection, 64 B +[0-9]+ '
expect_stdout '^tcp  64 connections, 16384 B +[0-9]+ '
expect_stdout '^udp  1 socket, 64 B +[0-9]+ '
expect_stdout '^udp  64 sockets, 1400 B +[0-9]+ '
expect_stdout '^Every byte that came back was the one sent'
[ ! -s "$rig/err" ] || fail "it wrote to stderr"
