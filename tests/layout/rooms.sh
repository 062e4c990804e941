#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# A room includes only itself and the rooms on the floors below it. Public headers include no private ones.
# Only lib/tls/ includes OpenSSL, and coil.hpp does not include coil::tls, which is a library of its own.
set -eu
cd "$COIL_SOURCE_DIR"

find include/coil lib -name '*.hpp' -o -name '*.cpp' | LC_ALL=C sort | xargs awk '
    BEGIN {
        rooms = "base:0 ring:1 coro:1 loop:2 sync:2 op:3 net:4 io:4 algo:5 test:5 resolver:6 tls:6"
        count = split(rooms, pairs, " ")
        for (i = 1; i <= count; i++) {
            split(pairs[i], pair, ":")
            floor[pair[1]] = pair[2]
        }
    }

    FNR == 1 {
        public = FILENAME ~ /^include\//
        room = FILENAME
        sub(/^(include\/coil|lib)\//, "", room)
        sub(/\/.*/, "", room)
        top = room ~ /\.hpp$/ # coil.hpp, tls.hpp and version.hpp are in no room
        if (!top && !(room in floor))
            complain("the room " room " has no floor")
    }

    /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
        target = $0
        sub(/^[^<"]*/, "", target)
        quoted = target ~ /^"/
        sub(/^["<]/, "", target)
        sub(/[">].*/, "", target)

        if (public && quoted)
            complain("a public header includes only <...>")
        if (target ~ /^openssl\// && (public || room != "tls"))
            complain("only lib/tls/ includes OpenSSL")
        if (!quoted && target !~ /^coil\//)
            next # not ours
        if (target == "coil/coil.hpp" || target == "coil/tls.hpp")
            complain(substr(target, 6) " is for users only")
        if (room == "coil.hpp" && target ~ /^coil\/tls\//)
            complain("coil.hpp may not include coil::tls")
        sub(/^coil\//, "", target)
        if (top || target == "version.hpp")
            next
        if (target !~ /\//)
            next # a neighbour in the same folder
        sub(/\/.*/, "", target)
        if (!(target in floor))
            complain("the room " target " has no floor")
        else if (target != room && floor[target] >= floor[room])
            complain(room " (floor " floor[room] ") may not include " target " (floor " floor[target] ")")
    }

    function complain(what) {
        print FILENAME ":" FNR ": " what ": " $0
        failed = 1
    }

    END { exit failed }'

# The files of op do not include each other in a circle.
find include/coil/op lib/op -name "*.[ch]pp" 2>/dev/null | while read -r file; do
    name=$(basename "${file%.*}")
    sed -n 's|^ *# *include *[<"]\(coil/\)\{0,1\}op/\([a-z_]*\)\.hpp[>"].*|\2|p' "$file" |
        grep -vx "$name" | sed "s/^/$name /"
done | tsort >/dev/null
