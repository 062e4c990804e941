#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Conan creates the package, with liburing and OpenSSL from the system, and test_package uses it.
. "$(dirname "$0")/lib.sh"

command -v conan >/dev/null || {
    echo "skipped: conan is not installed"
    exit 77
}
CONAN_HOME=$rig/conan
export CONAN_HOME
mkdir "$CONAN_HOME"
echo 'tools.cmake.cmaketoolchain:generator=Ninja' >"$CONAN_HOME/global.conf"
cp -R "$COIL_SOURCE_DIR/conanfile.py" "$COIL_SOURCE_DIR/test_package" "$COIL_SOURCE_DIR/CMakeLists.txt" \
    "$COIL_SOURCE_DIR/LICENSE" "$COIL_SOURCE_DIR/cmake" "$COIL_SOURCE_DIR/include" "$COIL_SOURCE_DIR/lib" "$rig"
mkdir -p "$rig/examples" "$rig/tests/package"
cp -R "$hello" "$rig/examples"
cp -R "$hello_tls" "$rig/tests/package"

case $COIL_HAS_TLS in
OFF) tls=False ;;
*) tls=True ;;
esac
conan profile detect >"$rig/log" 2>&1 || fail "conan finds no compiler"
conan create "$rig" -pr:a default -pr:a "$COIL_SOURCE_DIR/packaging/conan/system" --build=coil/\* \
    -s compiler.cppstd=20 -o "coil/*:tls=$tls" >"$rig/log" 2>&1 || fail "conan create"
grep -qx 'Hello, coil.' "$rig/log" || fail "test_package printed no greeting"
