#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Runs each check of this folder, and must_not_compile/check, on planted faults that it must find.
set -eu
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/include/coil/net" "$tree/include/coil/algo" "$tree/include/coil/tls" "$tree/include/openssl" \
    "$tree/lib/ring" "$tree/lib/op" "$tree/lib/tls"
: >"$tree/include/openssl/ssl.h"
layout=$COIL_SOURCE_DIR/tests/layout

build() {
    rm -f "$tree"/*/*.hpp "$tree"/*/*/*.?pp "$tree"/*/*/*/*.hpp
    header net/tcp.hpp ''
    header coil.hpp '#include <coil/net/tcp.hpp>'
    header tls.hpp '#include <coil/net/tcp.hpp>'
}

header() { printf '#pragma once\n%s\n' "$2" >"$tree/include/coil/$1"; }

check() { COIL_SOURCE_DIR=$tree sh "$@" >"$tree/output" 2>&1; }

expect_pass() { check "$@" || fail "$* found a fault, but there is none"; }

# expect_found TEXT CHECK [ARGUMENT]...: expects that the check fails and prints the text.
expect_found() {
    expected=$1
    shift
    ! check "$@" || fail "$* found nothing"
    grep -qF -- "$expected" "$tree/output" || fail "$* does not print: $expected"
}

fail() {
    echo "FAILED: $1"
    cat "$tree/output"
    exit 1
}

# Language
if command -v python3 >/dev/null; then
    build
    echo '/// Whoever waits is told at once.' >"$tree/lib/op/recv.cpp"
    expect_found 'lib/op/recv.cpp:1: Whoever waits is told at once.' "$layout/language.sh"
    echo '// The reader is resumed inline. Of these the first wins.' >"$tree/lib/op/recv.cpp"
    expect_found 'lib/op/recv.cpp:1: Of these the first wins.' "$layout/language.sh"
    echo '// The reader is resumed inline.' >"$tree/lib/op/recv.cpp"
    expect_pass "$layout/language.sh"
    rm "$tree/lib/op/recv.cpp"
fi

# Rooms
build
printf '#include "ring/ring.hpp"\n#include <coil/net/tcp.hpp>\n#include <vector>\n' >"$tree/lib/op/recv.cpp"
expect_found 'lib/op/recv.cpp:2: op (floor 3) may not include net (floor 4)' "$layout/rooms.sh"
build
header algo/read.hpp '#include <coil/net/tcp.hpp>'
expect_pass "$layout/rooms.sh"
build
header net/tcp.hpp '  #  include <coil/io/pipe.hpp>'
expect_found 'net (floor 4) may not include io (floor 4)' "$layout/rooms.sh"
build
echo '#include <coil/coro/task.hpp>' >"$tree/lib/ring/ring.hpp"
expect_found 'ring (floor 1) may not include coro (floor 1)' "$layout/rooms.sh"
build
header net/tcp.hpp '#include "op/recv.hpp"'
expect_found 'a public header includes only <...>' "$layout/rooms.sh"
build
header net/tcp.hpp '#include <coil/detail/all.hpp>'
expect_found 'the room detail has no floor' "$layout/rooms.sh"
build
header algo/read.hpp '#include <coil/coil.hpp>'
expect_found 'coil.hpp is for users only' "$layout/rooms.sh"
build
header tls/stream.hpp '#include <coil/tls.hpp>'
expect_found 'tls.hpp is for users only' "$layout/rooms.sh"
build
header coil.hpp '#include <coil/tls/stream.hpp>'
expect_found 'coil.hpp may not include coil::tls' "$layout/rooms.sh"
build
echo '#include <openssl/ssl.h>' >"$tree/lib/tls/engine.cpp"
expect_pass "$layout/rooms.sh"
echo '#include <openssl/ssl.h>' >"$tree/lib/op/recv.cpp"
expect_found 'lib/op/recv.cpp:1: only lib/tls/ includes OpenSSL' "$layout/rooms.sh"
build
header tls/stream.hpp '#include <openssl/ssl.h>'
expect_found 'include/coil/tls/stream.hpp:2: only lib/tls/ includes OpenSSL' "$layout/rooms.sh"
build
echo '#include "op/queue.hpp"' >"$tree/lib/op/stream.cpp"
echo '#include "op/stream.hpp"' >"$tree/lib/op/queue.hpp"
expect_found 'input contains a loop' "$layout/rooms.sh"

# Headers
build
expect_pass "$layout/header" coil/coil.hpp
header net/tcp.hpp 'inline std::string text;'
expect_found 'string' "$layout/header" coil/net/tcp.hpp
header net/tcp.hpp '#include <functional>'
expect_found 'too heavy' "$layout/header" coil/net/tcp.hpp
header net/tcp.hpp '#include <linux/io_uring.h>'
expect_found "leads to io_uring's headers" "$layout/header" coil/coil.hpp
header net/tcp.hpp '#include <openssl/ssl.h>'
expect_found "leads to OpenSSL's headers" "$layout/header" coil/coil.hpp
: >"$tree/include/coil/net/tcp.hpp"
expect_found 'no #pragma once' "$layout/header" coil/net/tcp.hpp

build
expect_pass "$layout/header_warnings.sh"
header net/tcp.hpp 'struct planted { virtual void f(); };'
expect_found 'planted' "$layout/header_warnings.sh"
build
header tls.hpp 'struct planted { virtual void f(); };'
expect_found 'planted' "$layout/header_warnings.sh"

# Public names
if command -v clang++-19 >/dev/null; then
    build
    mkdir -p "$tree/tests/layout"
    header net/tcp.hpp 'namespace coil { class socket; namespace detail { class machinery; } }'
    header tls.hpp 'namespace coil { namespace detail {} namespace tls { class stream; } }'
    printf '# The names.\ndetail\nsocket\ntls\ntls::stream\n' >"$tree/tests/layout/public_names.txt"
    expect_pass "$layout/public_names.sh"
    header tls.hpp 'namespace coil { namespace detail {} namespace tls { class stream; class engine; } }'
    expect_found '> tls::engine' "$layout/public_names.sh"
    header tls.hpp 'namespace coil { namespace detail {} namespace tls { class stream; } class engine; }'
    expect_found '> engine' "$layout/public_names.sh"
    header coil.hpp '#include <coil/tls.hpp>'
    expect_found 'coil.hpp declares coil::tls' "$layout/public_names.sh"
    build
    header tls.hpp 'namespace coil { namespace detail {} namespace tls { class stream; } }'
    header net/tcp.hpp 'namespace coil { class socket; namespace detail {} class machinery; }'
    expect_found '> machinery' "$layout/public_names.sh"
fi

# Lines
build
mkdir -p "$tree/bench/compare/compile"
echo '#include <coil/coil.hpp>' >"$tree/bench/compare/compile/coil_echo.cpp"
expect_pass "$layout/lines.sh"
header net/tcp.hpp '#include <no_such_header>'
expect_found 'no_such_header' "$layout/lines.sh"
build
SERVER_LINES_MAX=1
export SERVER_LINES_MAX
expect_found 'coil_echo.cpp: 2 lines, limit 1' "$layout/lines.sh"
LINES_MAX=2
export LINES_MAX
expect_found 'lines, limit 2' "$layout/lines.sh"

# Internal checks
build
printf 'COIL_PRECONDITION(open, "socket: closed");\n// COIL_CHECK(open);\n' >"$tree/lib/op/recv.cpp"
expect_pass "$layout/internal_checks.sh"
printf 'void f() {\n    COIL_ASSERT(open);  // by its caller\n}\n' >"$tree/lib/op/recv.cpp"
expect_found 'lib/op/recv.cpp:2: can a caller trip it?' "$layout/internal_checks.sh"
build
header net/tcp.hpp '    COIL_CHECK(open);'
expect_found 'include/coil/net/tcp.hpp:2: can a caller trip it?' "$layout/internal_checks.sh"

# Version
begins='#include <coil/version.hpp>'
begin() {
    build
    cp "$COIL_SOURCE_DIR/include/coil/version.hpp" "$tree/include/coil"
    header coil.hpp "$begins"
    header tls.hpp "$begins"
    header net/tcp.hpp "$begins
$1"
}
begin 'namespace coil::COIL_ABI::ip {}'
expect_pass "$layout/version.sh"
begin 'namespace coil::ip {}'
expect_found 'not in coil::COIL_ABI' "$layout/version.sh"
begin ''
echo 'namespace coil::COIL_ABI::ring {}' >"$tree/lib/ring/abi.hpp"
expect_found 'lib/ring/abi.hpp: does not include' "$layout/version.sh"
begin ''
header net/tcp.hpp "#include <vector>
$begins"
expect_found 'tcp.hpp: does not include <coil/version.hpp> first' "$layout/version.sh"
begin ''
sed '/#error/d' "$COIL_SOURCE_DIR/include/coil/version.hpp" >"$tree/include/coil/version.hpp"
header coil.hpp "$begins
#include <coroutine>"
expect_found "compiler's first error is" "$layout/version.sh"

# Pairs that must not compile
pair="$COIL_SOURCE_DIR/tests/must_not_compile/check"
code='[[nodiscard]] int f();
template <class T> void g() { static_assert(sizeof(T) == 1, "one byte only"); }'
good='void h() { g<char>(); (void)f(); }'
try_pair() {
    printf '%s\n' "$code" '#ifdef COIL_MUST_NOT_COMPILE' "$1" '#else' "$2" '#endif' "$3" >"$tree/pair.cpp"
}

try_pair 'void h() { g<int>(); }' "$good" '// expect: one byte only'
expect_pass "$pair" "$tree/pair.cpp" "$COIL_CXX" -std=c++20
try_pair 'void h() { f(); }' "$good" '// expect: nodiscard'
expect_pass "$pair" "$tree/pair.cpp" "$COIL_CXX" -std=c++20
try_pair "$good" "$good" '// expect: one byte only'
expect_found 'compiles, but must not' "$pair" "$tree/pair.cpp" "$COIL_CXX" -std=c++20
try_pair 'void h() { g<int>() }' "$good" '// expect: one bit only'
expect_found 'the errors do not contain: one bit only' "$pair" "$tree/pair.cpp" "$COIL_CXX" -std=c++20
try_pair "$good" 'void h() { g<int>(); }' '// expect: one byte only'
expect_found 'does not compile as it is' "$pair" "$tree/pair.cpp" "$COIL_CXX" -std=c++20
try_pair 'void h() { g<int>(); }' "$good" ''
expect_found 'no line' "$pair" "$tree/pair.cpp" "$COIL_CXX" -std=c++20
