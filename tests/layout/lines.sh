#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Limits the preprocessed lines of coil.hpp and of a small server, without comments and empty lines, as a
# measure of compile time. The server has 116,723 lines with Boost.Asio.
set -eu
cd "$COIL_SOURCE_DIR"

preprocessed=$(mktemp)
trap 'rm -f "$preprocessed"' EXIT

# may_have LINES FILE
may_have() {
    "$COIL_CXX" -std=c++20 -Iinclude -E -P -x c++ "$2" -o "$preprocessed"
    lines=$(grep -c . "$preprocessed")
    echo "$2: $lines lines, limit $1"
    [ "$lines" -le "$1" ]
}
may_have "${LINES_MAX:-58500}" include/coil/coil.hpp
may_have "${SERVER_LINES_MAX:-36500}" bench/compare/compile/coil_echo.cpp
