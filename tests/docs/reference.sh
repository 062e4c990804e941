#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Doxygen prints no warnings, and the main page shows the layer diagram.
set -eu
command -v doxygen >/dev/null || {
    echo "no doxygen"
    exit 77
}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
"$COIL_SOURCE_DIR/docs/doxygen/make" "$made"
grep -q 'floor 5' "$made/html/index.html"
