#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The library writes to stderr only through report() (lib/base/report.hpp), which neither blocks nor raises a
# signal. Each client that resets its connection causes such a line, and must not be able to block or end a
# server with it.
set -eu
cd "$COIL_SOURCE_DIR"

if grep -rnE 'fprintf|fputs|perror|std::(cout|cerr|clog|puts|printf)|write\(STDERR_FILENO' lib include --include='*.?pp' |
    grep -v '^lib/base/report\.' | grep -vE '^[^:]*:[0-9]*: *//'; then
    echo "use report() or report_format() instead"
    exit 1
fi
