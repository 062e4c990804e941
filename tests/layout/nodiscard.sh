#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Each [[nodiscard]] of a class, and of a function that gives an awaitable, says what to do: [[nodiscard("co_await it")]]. The
# compiler prints these words, and of a function without them it prints no others.
set -eu
cd "$COIL_SOURCE_DIR"

awaitable='[a-z_: ]*(_description\b|sending<|auto (recv|send|recvfrom|sendto|resolve)\()'
silent=$(grep -rnE "(class|struct) \[\[nodiscard\]\]|\[\[nodiscard\]\] $awaitable" include || true)
[ -z "$silent" ] || { echo "without words: $silent"; exit 1; }
