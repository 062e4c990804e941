#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Doxygen has nothing to complain of, and the main page shows the house.
set -eu
command -v doxygen >/dev/null || {
    echo "no doxygen"
    exit 77
}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
"$COIL_SOURCE_DIR/docs/doxygen/make" "$made"
grep -q 'floor 5' "$made/html/index.html"
