#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

. "$COIL_SOURCE_DIR/tests/setup/lib.sh"

lacks apt-get

stand_in cmake 'echo cmake version 3.18.4'
run_dev deps
expect_status 3
expect_stderr "CMake, 3.25 or newer"
for version in 3.25.0 3.31.6 4.0.2; do
    stand_in cmake "echo cmake version $version"
    run_dev deps
    expect_status 0
done

stand_in python3 'exit 1'
run_dev deps
expect_status 3
expect_stderr "Python, 3.9 or newer"
stand_in python3 'exit 0'

# g++ is accepted if c++ is not; a compiler without coroutines is not accepted.
stand_in c++ 'exit 1'
stand_in g++ 'for source; do :; done; grep -q co_return "$source"'
run_dev deps
expect_status 0
stand_in g++ 'exit 1'
run_dev deps
expect_status 3
expect_stderr "a C++20 compiler with coroutines"
