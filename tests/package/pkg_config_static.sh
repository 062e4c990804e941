#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# coil.pc with --static also names the libraries that a static libcoil needs.
. "$(dirname "$0")/lib.sh"

install static
[ "$(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --modversion coil)" = "$COIL_VERSION" ] || fail "coil.pc has another version"
build_by_pkg_config coil "$hello/hello.cpp" --static
says_hello "$build/hello"
