#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The path of a byte that docs/architecture.md shows is the one that the code takes.
command -v python3 >/dev/null || exit 77
cd "$COIL_SOURCE_DIR" || exit
exec python3 tests/layout/walk.py
