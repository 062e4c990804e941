#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# With the resolv.conf of these tests the C library waits 150 s for a server that does not respond, longer
# than any program may run here. A lookup still ends at its deadline, and so do its context and its process.
. "$(dirname "$0")/own_names"

expect_wrong 1 'resolve "hung.example": the deadline passed' nslookup --name hung.example --timeout 300
expect_query hung.example
expect_wrong 1 'resolve 192.0.2.99:0: the deadline passed' nslookup --address 192.0.2.99 --timeout 300
expect_query 99.2.0.192.in-addr.arpa
