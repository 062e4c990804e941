#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# What <coil/coil.hpp> costs in every file that includes it: the lines to read after preprocessing.
set -eu
cd "$COIL_SOURCE_DIR"
lines_max=${LINES_MAX:-75000}

preprocessed=$(mktemp)
trap 'rm -f "$preprocessed"' EXIT
"$COIL_CXX" -std=c++20 -Iinclude -E -x c++ include/coil/coil.hpp -o "$preprocessed"
lines=$(grep -c '[^[:space:]]' "$preprocessed")
echo "coil/coil.hpp: $lines lines, of $lines_max"
[ "$lines" -le "$lines_max" ]
