#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# usage: check.sh PROGRAM BUILD
#
# Counts the instructions of each operation of PROGRAM (program.cpp) with callgrind, and compares them with
# budget.txt. Fails if an operation needs over 5 % more instructions than its budget. Prints a note if the
# operation needs over 5 % fewer, so that the budget can be lowered. If the budget is for another BUILD
# (compiler, processor, type of library, flags), prints the counts without comparing them.
set -eu
program=$1
build=$2
budget=${COIL_INSTRUCTION_BUDGET:-$(dirname "$0")/budget.txt}

if ! command -v valgrind >/dev/null; then
    echo "skipped: valgrind is not installed (Debian: valgrind)"
    exit 77
fi
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT

# LD_BIND_NOW moves the look-up of functions in shared libraries to the start of the program, where it is not
# counted. callgrind writes one file for each call of counted_run.
LD_BIND_NOW=1 valgrind --tool=callgrind --compress-strings=no --callgrind-out-file="$output/calls" \
    --toggle-collect=counted_run --dump-after=counted_run "$program" \
    >"$output/operations" 2>"$output/log" || {
    cat "$output/log"
    echo "failed: valgrind or $program ended with an error"
    exit 1
}

# Prints the number of instructions in a file of callgrind, without the functions that simulate the kernel.
outside_kernel() {
    awk '
        /^fn=/ { in_kernel = /scripted_kernel::|script_messages/; next }
        /^cfn=/ { enters_kernel = !in_kernel && /scripted_kernel::|script_messages/; next }
        /^calls=/ { is_call = 1; next }
        /^[0-9+*-]/ { if (is_call && enters_kernel) in_calls += $2; is_call = 0; next }
        /^totals:/ { total = $2 }
        END { print total - in_calls }' "$1"
}

n=0
tab=$(printf '\t')
while IFS=$tab read -r name rounds; do
    first=$(outside_kernel "$output/calls.$((n + 1))")
    second=$(outside_kernel "$output/calls.$((n + 2))")
    n=$((n + 2))
    printf '%s\t%d\n' "$name" $(((second - first + rounds / 2) / rounds))
done <"$output/operations" >"$output/counts"

awk -F '\t' -v build="$build" '
    /^#/ || /^$/ { next }
    FILENAME != ARGV[1] { measured[$1] = $2; names[++count] = $1; next }
    $1 == "build" { for_build = $2; next }
    { budget[$1] = $2 }
    END {
        compares = build == for_build
        for (i = 1; i <= count; i++) {
            name = names[i]
            n = measured[name]
            has_budget = name in budget
            b = has_budget ? budget[name] : 0
            printf "%-24s %6d instructions, budget %s", name, n, has_budget ? b : "none"
            if (name == "planted" && (n < b * 0.95 || n > b * 1.05))
                fault = "the count is wrong"
            else if (!compares)
                fault = ""
            else if (!has_budget)
                fault = "add a budget"
            else if (n > b * 1.05)
                fault = sprintf("%.1f %% over budget", (n / b - 1) * 100)
            else
                fault = ""
            if (fault)
                printf "   FAILED: %s", fault
            else if (compares && n < b * 0.95)
                printf "   note: %.1f %% below the budget, which can be lowered", (1 - n / b) * 100
            print ""
            if (fault)
                failed = 1
        }
        for (name in budget)
            if (!(name in measured)) {
                printf "FAILED: %s has a budget, but was not measured\n", name
                failed = 1
            }
        if (!compares)
            printf "not compared: the budget is for %s, but this build is %s\n", for_build, build
        exit failed
    }' "$budget" "$output/counts"
