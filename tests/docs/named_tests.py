#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

"""usage: named_tests.py SOURCE_DIR

Checks that the tests named in the documentation, `Suite.Name`, exist. docs/sockets.md names them in the last
column of its tables. docs/guides/asio_bugs.md names them after "Tests:" in each section.
"""

import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1])
macro = re.compile(r"\b(?:TYPED_)?TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)")

known = {f"{folder}.{script.stem}" for folder in ("shell", "setup") for script in (source / "tests" / folder).glob("*.sh")}
known.update(f"must_not_compile.{file.stem}" for file in (source / "tests/must_not_compile").glob("*.cpp"))
for file in (source / "tests").rglob("*_test.cpp"):
    known.update(f"{suite}.{name}" for suite, name in macro.findall(file.read_text()))

failed = False


def check(place, text):
    """Reports the names in `text` that are not tests."""
    global failed
    named = re.findall(r"`([^`]+)`", text)
    for message in [f"no such test: {each}" for each in named if each not in known] or ([] if named else ["no test"]):
        print(f"{place}: {message}")
        failed = True


rows = [line for line in (source / "docs/sockets.md").read_text().splitlines() if re.match(r"\|(?! call| kind|-)", line)]
for row in rows:
    check(row, row.replace("\\|", "").split("|")[-2])
if len(rows) < 20:
    print(f"only {len(rows)} rows were found")
    failed = True

sections = re.split(r"^## ", (source / "docs/guides/asio_bugs.md").read_text(), flags=re.M)[1:]
for section in sections:
    found = re.search(r"^Tests: (.*?)(?:\n\n|\Z)", section, re.M | re.S)
    check(section.split("\n")[0], found[1] if found else "")
if len(sections) != 7:
    print(f"{len(sections)} sections were found, but the title says seven")
    failed = True
sys.exit(failed)
