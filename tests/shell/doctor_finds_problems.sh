#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# coil_doctor on this machine and under resource limits. program.ring_refused tests it without io_uring.
COIL_EXAMPLES=$COIL_TOOLS
. "$(dirname "$0")/lib.sh"

# limited OPTION VALUE [ARGUMENT]...: runs coil_doctor under a limit of ulimit, which is set in a separate
# shell, because a shell needs descriptors too. Sets the same variables as `run`.
limited() {
    status=0
    timeout -k 5 60 sh -c 'ulimit "$1" "$2" && shift 2 && exec "$0" "$@"' "$COIL_TOOLS/coil_doctor" "$@" \
        >"$rig/out" 2>"$rig/err" || status=$?
}

# There may be warnings on this machine, but coil works here, since the tests run.
run coil_doctor
status_here=$status
[ "$status_here" -le 1 ] || fail "status is $status_here"
for group in kernel permission limits; do
    expect_stdout "^$group\$"
done
# io_uring may be refused here, as in a container.
engine=io_uring
! grep -q '^  engine  *epoll' "$rig/out" || engine=epoll
if [ "$engine" = io_uring ]; then
    expect_stdout '^  engine  *io_uring  *this system allows io_uring'
    expect_stdout '^  io_uring  *yes  '
else
    expect_stdout '^! io_uring  *refused  '
fi
[ ! -s "$rig/err" ] || fail "it wrote to stderr"

# Few descriptors.
limited -n 64
expect_status 1
expect_stdout '^! RLIMIT_NOFILE  *64 of 64  *further connections have to wait'
expect_stdout '^coil works here'
limited -n 64 --quiet
expect_status 1
expect_stdout '^! RLIMIT_NOFILE'
! grep '^  [a-z]* .*yes' "$rig/out" || fail "--quiet prints lines without a warning"

if [ "$engine" = io_uring ]; then
    # Too few descriptors for a ring.
    limited -n 5
    expect_status 2
    expect_stdout '^x io_uring  *refused  .*too many open files; raise the limit \(ulimit -n\)'
    expect_stdout "^coil can't work here"

    # No locked memory: the effect depends on the kernel and the user.
    limited -l 0
    if [ "$status" = "$status_here" ]; then
        expect_stdout '^  RLIMIT_MEMLOCK  *0 KiB  *any number of contexts'
    else
        expect_status 2
        expect_stdout '^x io_uring  *refused  *out of memory for the ring; the limit of locked memory is 0 KiB'
        expect_stdout '^! RLIMIT_MEMLOCK  *0 KiB '
    fi
fi

# The command line.
expect_wrong 64 "unknown option --loud" coil_doctor --loud
expect_wrong 64 "unexpected argument 'kernel'" coil_doctor kernel
run coil_doctor --help
expect_status 0
expect_stdout "^usage: coil_doctor "
expect_stdout "^Exit status: 0 no problems"
expect_stdout "^  --quiet "
