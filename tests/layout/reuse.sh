#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Each file has its copyright and licence, in the file or in .reuse/dep5. The licence text exists twice: reuse
# wants it in LICENSES/, and other tools at the top.
set -eu
cd "$COIL_SOURCE_DIR"
cmp LICENSE LICENSES/MIT.txt

if ! command -v reuse >/dev/null; then
    echo "skipped: reuse is not installed"
    exit 77
fi
if [ ! -e .git ]; then
    echo "skipped: without git, reuse checks build folders too"
    exit 77
fi
reuse lint
