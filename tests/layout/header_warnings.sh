#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# A user who adds the headers with -I instead of -isystem sees every warning in them. These are the warnings
# that projects often enable.
set -eu
cd "$COIL_SOURCE_DIR"

"$COIL_CXX" -std=c++20 -Iinclude -fsyntax-only -Werror -Wall -Wextra -Wpedantic -Wconversion -Wshadow \
    -Wnon-virtual-dtor -Wold-style-cast -Wuseless-cast -Wno-unknown-warning-option -Woverloaded-virtual -x c++ - <<'END'
#include <coil/coil.hpp>
#include <coil/tls.hpp>
END
