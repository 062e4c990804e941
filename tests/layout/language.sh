#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Comments, pages and test names keep to the language rules of docs/style.md: see language.py.
command -v python3 >/dev/null || exit 77
checker=$(cd "$(dirname "$0")" && pwd)/language.py
cd "$COIL_SOURCE_DIR" || exit
exec python3 "$checker"
