#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# With the resolv.conf of these tests the C library waits 150 s for a server that is silent: longer than any program may run
# here. Whoever asks waits as long as it wants, and then ends, with its context and its process.
. "$(dirname "$0")/own_names"

expect_wrong 1 'resolve "hung.example": the deadline passed' nslookup --name hung.example --timeout 300
expect_asked hung.example
expect_wrong 1 'resolve 192.0.2.99:0: the deadline passed' nslookup --address 192.0.2.99 --timeout 300
expect_asked 99.2.0.192.in-addr.arpa
