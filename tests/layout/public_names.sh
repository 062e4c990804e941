#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Asks clang which names an editor offers after `coil::`. Machinery belongs to coil::detail, so that the list
# shows only what users may write. A new name is a design decision: add it to public_names.txt.
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
printf '#include <coil/coil.hpp>\nvoid f() { coil::\n' >"$directory/names.cpp"
"$compiler" -std=c++20 -Iinclude -fsyntax-only -Xclang -code-completion-at="$directory/names.cpp:2:18" \
    "$directory/names.cpp" 2>/dev/null |
    sed -n 's/^COMPLETION: \([A-Za-z_0-9]*\).*/\1/p' | grep -vxE 'operator|v[0-9]+_[0-9]+|' |
    LC_ALL=C sort -u >"$directory/found"
[ -s "$directory/found" ]
grep -v '^#' tests/layout/public_names.txt | LC_ALL=C sort -u >"$directory/allowed"
diff "$directory/allowed" "$directory/found" && exit
echo "tests/layout/public_names.txt (<) and the names in namespace coil (>) differ"
exit 1
