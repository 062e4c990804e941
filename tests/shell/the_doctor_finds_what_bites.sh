#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# coil_doctor, on this machine and under limits. (Where io_uring is refused: program.ring_refused.)
COIL_EXAMPLES=$COIL_TOOLS
. "$(dirname "$0")/lib.sh"

# limited OPTION VALUE [ARGUMENT]...: the doctor, under a limit of the shell's ulimit: of a shell of its own, which needs
# descriptors, too. Leaves what `run` does.
limited() {
    status=0
    timeout -k 5 60 sh -c 'ulimit "$1" "$2" && shift 2 && exec "$0" "$@"' "$COIL_TOOLS/coil_doctor" "$@" \
        >"$rig/out" 2>"$rig/err" || status=$?
}

# Whatever it thinks of this machine: coil works here, as the tests do.
run coil_doctor
as_it_is=$status
[ "$as_it_is" -le 1 ] || fail "status is $as_it_is"
for group in kernel permission limits; do
    expect_printed "^$group\$"
done
expect_printed '^  io_uring  *yes  '
[ ! -s "$rig/err" ] || fail "it complained"

# Few descriptors.
limited -n 64
expect_status 1
expect_printed '^! RLIMIT_NOFILE  *64 of 64  *further connections have to wait'
expect_printed '^coil works here'
limited -n 64 --quiet
expect_status 1
expect_printed '^! RLIMIT_NOFILE'
! grep '^  [a-z]* .*yes' "$rig/out" || fail "what is well is printed"

# So few that there can't be a ring.
limited -n 5
expect_status 2
expect_printed '^x io_uring  *refused  .*too many open files; raise the limit \(ulimit -n\)'
expect_printed "^coil can't work here"

# No locked memory: what that means depends on the kernel and the user.
limited -l 0
if [ "$status" = "$as_it_is" ]; then
    expect_printed '^  RLIMIT_MEMLOCK  *0 KiB  *any number of contexts'
else
    expect_status 2
    expect_printed '^x io_uring  *refused  *out of memory for the ring; the limit of locked memory is 0 KiB'
    expect_printed '^! RLIMIT_MEMLOCK  *0 KiB '
fi

# The command line.
expect_wrong 64 "unknown option --loud" coil_doctor --loud
expect_wrong 64 "what is \"kernel\"?" coil_doctor kernel
run coil_doctor --help
expect_status 0
expect_printed "^usage: coil_doctor "
expect_printed "^Exit status: 0 all is well"
expect_printed "^  --quiet "
