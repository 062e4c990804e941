#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Each [[nodiscard]] of a class, and of a function that returns an awaitable, has a text that says what to do:
# [[nodiscard("co_await it")]]. The compiler prints that text. For a function without a text it prints none,
# not even that of the class.
set -eu
cd "$COIL_SOURCE_DIR"

awaitable='[a-z_: ]*(_description\b|sending<|auto (recv|send|recvfrom|sendto|resolve)\()'
silent=$(grep -rnE "(class|struct) \[\[nodiscard\]\]|\[\[nodiscard\]\] $awaitable" include || true)
[ -z "$silent" ] || { echo "nodiscard without a text: $silent"; exit 1; }
