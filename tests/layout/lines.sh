#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# What coil costs in every file that includes it: the lines to read after preprocessing. All of it, and what a small server needs
# (with Boost.Asio that is 163,083).
set -eu
cd "$COIL_SOURCE_DIR"

preprocessed=$(mktemp)
trap 'rm -f "$preprocessed"' EXIT

# may_have LINES FILE
may_have() {
    "$COIL_CXX" -std=c++20 -Iinclude -E -x c++ "$2" -o "$preprocessed"
    lines=$(grep -vc '^#' "$preprocessed")
    echo "$2: $lines lines, of $1"
    [ "$lines" -le "$1" ]
}
may_have "${LINES_MAX:-80500}" include/coil/coil.hpp
may_have "${SERVER_LINES_MAX:-54000}" bench/compare/compile/coil_echo.cpp
