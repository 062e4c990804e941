#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Asks clang which names an editor offers after `coil::` and `coil::tls::`. Machinery belongs to coil::detail,
# so that the list shows only what users may write. A new name is a design decision: add it to
# public_names.txt. Except for the namespace tls, coil/tls.hpp adds no name to coil.
set -eu
cd "$COIL_SOURCE_DIR"

for compiler in clang++-19 clang++; do
    if command -v "$compiler" >/dev/null; then break; fi
done
if ! command -v "$compiler" >/dev/null; then
    echo "clang++-19 is not installed"
    exit 77
fi

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

# names_in NAMESPACE HEADER...: prints the names that the headers declare in the namespace.
names_in() {
    space=$1
    shift
    printf '#include <%s>\n' "$@" >"$directory/names.cpp"
    printf 'void f() {\n%s\n' "$space" >>"$directory/names.cpp"
    "$compiler" -std=c++20 -Iinclude -fsyntax-only \
        -Xclang -code-completion-at="$directory/names.cpp:$(($# + 2)):$((${#space} + 1))" \
        "$directory/names.cpp" 2>/dev/null |
        sed -n 's/^COMPLETION: \([A-Za-z_0-9]*\).*/\1/p' | grep -vxE 'operator|v[0-9]+_[0-9]+|'
}

names_in coil:: coil/coil.hpp >"$directory/names"
[ -s "$directory/names" ]
! grep -qx tls "$directory/names" || { echo "coil.hpp declares coil::tls"; exit 1; }
names_in coil:: coil/coil.hpp coil/tls.hpp >>"$directory/names"
names_in coil::tls:: coil/tls.hpp | sed 's/^/tls::/' >>"$directory/names"
LC_ALL=C sort -u "$directory/names" >"$directory/found"
grep -v '^#' tests/layout/public_names.txt | LC_ALL=C sort -u >"$directory/allowed"
diff "$directory/allowed" "$directory/found" && exit
echo "tests/layout/public_names.txt (<) and the names in coil and coil::tls (>) differ"
exit 1
