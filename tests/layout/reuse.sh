#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Each file says whose it is and under which licence: in itself, or in .reuse/dep5. The licence stands twice, as reuse wants it in
# LICENSES/ and everybody else at the top.
set -eu
cd "$COIL_SOURCE_DIR"
cmp LICENSE LICENSES/MIT.txt

if ! command -v reuse >/dev/null; then
    echo "skipped: reuse is not installed"
    exit 77
fi
if [ ! -e .git ]; then
    echo "skipped: without git, reuse looks at builds, too"
    exit 77
fi
reuse lint
