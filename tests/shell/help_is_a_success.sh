#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# --help goes to stdout and is a success.
. "$(dirname "$0")/lib.sh"

for program in tcp_echo_server tcp_echo_client udp_echo_server udp_echo_client nslookup netcat ping coil_demo; do
    for option in --help -h; do
        run "$program" "$option"
        expect_status 0
        expect_printed "^usage: $program "
        expect_printed "^  --help "
        [ ! -s "$rig/err" ] || fail "it complained"
    done
done
for option in --host --port --connections --size --count --timeout; do
    run tcp_echo_client --help
    expect_printed "^  $option "
done
run udp_echo_server --help
expect_printed "^  --trains  .*, where the kernel can$"
