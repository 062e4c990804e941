#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The resolver returns the addresses that getent returns, in the same order: from the hosts file, and from a
# name server that responds correctly, wrongly, or with truncated responses.
. "$(dirname "$0")/own_names"

for name in localhost only-v4 of-the-file two.example v4.example v6.example alias.example many.example liar.example \
    here.example 192.0.2.77 2001:db8::77; do
    getent ahosts "$name" | awk '$2 == "STREAM" { print $1 }' >"$rig/expected"
    [ -s "$rig/expected" ] || fail "getent does not know $name"
    run nslookup --name "$name"
    expect_status 0
    grep -v ' is ' "$rig/out" >"$rig/found"
    expect_same "$rig/expected" "$rig/found"
done
[ "$(wc -l <"$rig/found")" = 1 ] || fail "one address has become several"
expect_no_query 192.0.2.77
expect_no_query localhost

run nslookup --name many.example
[ "$(wc -l <"$rig/out")" = 200 ] || fail "addresses of many.example are missing"
run nslookup --name liar.example
expect_stdout '^192\.0\.2\.7$'
run nslookup --name alias.example
expect_stdout '^alias.example is two.example$'

run nslookup --name two.example --family 4 --service https
expect_status 0
expect_stdout '^192\.0\.2\.1:443$'
! grep -q : "$rig/out" || ! grep -q '\[' "$rig/out" || fail "--family 4 printed an IPv6 address"
run nslookup two.example https --family 4
expect_stdout '^192\.0\.2\.1:443$'
run nslookup --name two.example --family 6
expect_stdout '^2001:db8::1$'
[ "$(wc -l <"$rig/out")" = 1 ] || fail "--family 6 printed more than one address"

expect_wrong 1 "/etc/services has no such service for this protocol" nslookup --name localhost --service syslog

# Reverse lookups.
run nslookup --address 192.0.2.1
expect_stdout '^one.example$'
run nslookup --address 192.0.2.9
expect_stdout '^of-the-file$'
run nslookup --address ::1
expect_stdout '^localhost$'

# Names that can't be resolved.
expect_wrong 1 'resolve "no.example": Name or service not known' nslookup --name no.example
expect_wrong 1 'resolve "empty.example": No address associated with hostname' nslookup --name empty.example
expect_wrong 1 'resolve "v4.example": ' nslookup --name v4.example --family 6
expect_wrong 1 'resolve "broken.example": Temporary failure in name resolution (no name server answered' \
    nslookup --name broken.example
expect_wrong 1 'resolve "refused.example": ' nslookup --name refused.example
expect_wrong 1 'resolve "garbage.example": ' nslookup --name garbage.example --timeout 300
expect_wrong 1 'resolve 192.0.2.3:0: Name or service not known' nslookup --address 192.0.2.3
expect_wrong 1 "/etc/services has no such service" nslookup --name localhost --service no-such-service
