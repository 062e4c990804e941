#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Output that can't be written is a failure. If a standard descriptor is closed at the start, none of coil's
# descriptors takes its number. Regression: netcat waited for its own ring.
. "$(dirname "$0")/lib.sh"

# on_a_full_disk PROGRAM [ARGUMENT]...: runs the program with stdout on a full disk. Sets $status.
on_a_full_disk() {
    program=$1
    shift
    status=0
    timeout -k 5 60 "$COIL_EXAMPLES/$program" "$@" >/dev/full 2>"$rig/err" || status=$?
}

for program in tcp_echo_server tcp_echo_client udp_echo_client nslookup netcat ping coil_demo; do
    on_a_full_disk "$program" --help
    expect_status 1
    expect_stderr "standard output"
    expect_one_line
done

start tcp_echo_server
on_a_full_disk tcp_echo_client --port "$port" --count 1 --connections 1
expect_status 1
expect_stderr "standard output"

status=0
timeout -k 5 60 "$COIL_EXAMPLES/netcat" --port "$port" <&- >"$rig/out" 2>"$rig/err" || status=$?
expect_status 1
expect_stderr "Bad file descriptor"
interrupt TERM
expect_status 0
