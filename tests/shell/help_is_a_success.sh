#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# --help prints on stdout, with status 0.
. "$(dirname "$0")/lib.sh"

for program in tcp_echo_server tcp_echo_client udp_echo_server udp_echo_client nslookup netcat ping coil_demo; do
    for option in --help -h; do
        run "$program" "$option"
        expect_status 0
        expect_stdout "^usage: $program "
        expect_stdout "^  --help "
        [ ! -s "$rig/err" ] || fail "it wrote to stderr"
    done
done
for option in --host --port --connections --size --count --timeout; do
    run tcp_echo_client --help
    expect_stdout "^  $option "
done
run udp_echo_server --help
expect_stdout "^  --trains  .*, if the kernel supports it$"
