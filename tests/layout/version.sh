#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# All of coil is in the namespace of its version. Each public header includes version.hpp first, so that the
# first error without C++20 says that coil needs C++20.
set -eu
cd "$COIL_SOURCE_DIR"
status=0

if grep -rnE '^ *namespace coil(::[a-z_:]*)? *\{' include lib; then
    echo "not in coil::COIL_ABI, the namespace of the version"
    status=1
fi
headers=$(find include/coil -name '*.hpp' ! -path include/coil/version.hpp | LC_ALL=C sort)
for header in $headers; do
    if ! sed -n '/^ *# *include/{p;q;}' "$header" | grep -qxF '#include <coil/version.hpp>'; then
        echo "$header: does not include <coil/version.hpp> first"
        status=1
    fi
done

# Without version.hpp, COIL_ABI is not defined and would be an ordinary name.
users=$(grep -rl COIL_ABI lib || :)
for file in $users; do
    case $file in
    *.hpp) known='^#include <coil/' ;;
    *) known='^#include [<"][a-z]*/' ;;
    esac
    if ! grep -q "$known" "$file"; then
        echo "$file: does not include <coil/version.hpp>"
        status=1
    fi
done

first_error=$("$COIL_CXX" -std=c++17 -Iinclude -fsyntax-only -x c++ include/coil/coil.hpp 2>&1 | grep -m 1 ' error: ' || :)
case $first_error in
*"coil needs C++20"*) ;;
*)
    echo "with C++17 the compiler's first error is: $first_error"
    status=1
    ;;
esac
exit "$status"
