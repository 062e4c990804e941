#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

"""usage: named_tests.py SOURCE_DIR

Checks that the tests named in the last column of the tables in docs/sockets.md, `Suite.Name`, exist.
"""

import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1])
macro = re.compile(r"\b(?:TYPED_)?TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)")

known = {f"{folder}.{script.stem}" for folder in ("shell", "setup") for script in (source / "tests" / folder).glob("*.sh")}
for file in (source / "tests").rglob("*_test.cpp"):
    known.update(f"{suite}.{name}" for suite, name in macro.findall(file.read_text()))

failed = False
rows = [line for line in (source / "docs/sockets.md").read_text().splitlines() if re.match(r"\|(?! call| kind|-)", line)]
for row in rows:
    named = re.findall(r"`([^`]+)`", row.replace("\\|", "").split("|")[-2])
    if not named:
        print(f"no test in: {row}")
        failed = True
    for test in named:
        if test not in known:
            print(f"no such test: {test}")
            failed = True
if len(rows) < 20:
    print(f"only {len(rows)} rows were found")
    failed = True
sys.exit(failed)
