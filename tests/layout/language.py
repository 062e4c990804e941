#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""Counts words and openings that docs/style.md rules out, in comments, pages, messages and test names.

    language.py [--list]     fails if a count is above its limit, and prints the lines; --list prints them all

A limit is the number of places that are left. Lower it when you remove one.
"""

import os
import re
import sys

# Pattern, limit. Case does not matter.
WORDS = [
    (r"whoever|whomever|somebody|nobody|everybody", 0),
    (r"\bhe\b|\bhis\b|\bhim\b|\bhimself\b", 0),
    (r"\bwhom\b|\bof whom\b|\bof which\b", 0),
    (r"\bfor ever\b|\bas ever\b", 0),
    (r"\bat once\b", 0),
    (r"\bin vain\b", 0),
    (r"\blets go\b|\blet go of\b|\bis let go\b", 0),
    (r"\bbites?\b", 0),
    (r"\bis told\b|\bare told\b|\bwas told\b|\bhears?\b", 0),
    (r"\bso many\b|\bas many as there\b|\bas often as\b", 0),
    (r"\bdoes the looking\b|\bmeanwhile,? that\b", 0),
    (r"\bturns? of the loop\b|\bits turn\b|\ba turn\b", 0),
    (r"\bstarves? in silence\b|\bstands in line\b", 0),
]

# What a sentence must not begin with, to fake a topic.
OPENINGS = [
    (r"(Of|Who|Whose|Whom) ", 0),
    (r"(Which|Where|What) (?![^.?!]*\?)", 0),
    (r"(And|But) ", 0),
    (r"The same[,:. ]", 0),
]

# Of the parts of test names.
NAMES = [
    (r"^(Of|Who|Whose|What|Where|Which)[A-Z]", 0),
    (r"Somebody|Nobody|Whoever|AtOnce|InVain|ForEver(?!y)|Told|Hears", 0),
]

NAME_LENGTH_MAX = 50
LONG_NAMES = 0
COMMENT_COLUMNS = 110
LONG_COMMENTS = 0

FOLDERS = ("include", "lib", "tests", "bench", "examples", "tools", "docs", "cmake", "packaging", ".ci")
SKIPPED = ("docs/performance/", "docs/style.md", "tests/layout/language.py", "tests/docs/peers")


def files():
    for top in sorted(os.listdir(".")):
        if os.path.isfile(top):
            yield top
        elif top in FOLDERS:
            for folder, _, names in os.walk(top):
                yield from (os.path.join(folder, each) for each in sorted(names))


def comments_of(path, text):
    """(line number, text) of each comment; of pages: of what is not code."""
    if path.endswith((".cpp", ".hpp")):
        for number, line in enumerate(text.split("\n"), 1):
            found = re.search(r"(?:^|[\s;{}(,])//[/<!]*(.*)$", line)
            if found and "://" not in line[: found.start() + 3]:
                yield number, found.group(1)
    elif path.endswith(".md"):
        is_code = False
        for number, line in enumerate(text.split("\n"), 1):
            if line.lstrip().startswith("```"):
                is_code = not is_code
            elif not is_code and not line.startswith("    "):
                yield number, re.sub(r"`[^`]*`", "X", line)
    elif path.endswith((".sh", ".py", ".cmake", "CMakeLists.txt", "dev", ".ci/run")):
        for number, line in enumerate(text.split("\n"), 1):
            found = re.match(r"\s*#(?!!)(.*)$", line)
            if found:
                yield number, found.group(1)


def names_of(path, text):
    if path.endswith(".cpp"):
        for found in re.finditer(r"^\s*(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", text, re.M):
            yield text.count("\n", 0, found.start()) + 1, found.group(1), found.group(2)


def sentences(lines):
    """(line number, beginning of a sentence): at the start of a block of comment lines, and after a full stop."""
    last, ended = -1, True
    for number, line in lines:
        line = line.strip().lstrip("-*> ")
        if number != last + 1 or not line:
            ended = True
        if line:
            if ended:
                yield number, line
            for found in re.finditer(r"(?<=[a-z0-9)\"`X][.!?]) +(?=[A-Z])", line):
                yield number, line[found.end():]
            ended = line.endswith((".", "!", "?"))
        last = number


def main():
    places = {}

    def note(kind, limit, path, number, line):
        places.setdefault((kind, limit), []).append(f"{path}:{number}: {line.strip()}")

    for path in files():
        if path.startswith(SKIPPED):
            continue
        try:
            with open(path, encoding="utf-8") as opened:
                text = opened.read()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        lines = list(comments_of(path, text))
        for number, line in lines:
            for pattern, limit in WORDS:
                if re.search(pattern, line, re.I):
                    note(pattern, limit, path, number, line)
        for number, beginning in sentences(lines):
            for pattern, limit in OPENINGS:
                if re.match(pattern, beginning):
                    note("opening " + pattern, limit, path, number, beginning)
        for number, suite, name in names_of(path, text):
            for pattern, limit in NAMES:
                if re.search(pattern, name) or re.search(pattern, suite):
                    note("test name " + pattern, limit, path, number, f"{suite}.{name}")
            if len(suite) + 1 + len(name) > NAME_LENGTH_MAX:
                note(f"test name of more than {NAME_LENGTH_MAX} characters", LONG_NAMES, path, number, f"{suite}.{name}")
        if path.endswith((".cpp", ".hpp")):
            for number, line in enumerate(text.split("\n"), 1):
                if "//" in line and len(line) > COMMENT_COLUMNS and "http" not in line and "// first:" not in line:
                    note(f"line with a comment, of more than {COMMENT_COLUMNS} columns", LONG_COMMENTS, path, number, line)

    failed = False
    for (kind, limit), found in places.items():
        if len(found) > limit or "--list" in sys.argv:
            print(f"{kind}: {len(found)}, limit {limit}")
            print("".join(f"    {each}\n" for each in found), end="")
        failed = failed or len(found) > limit
    return 1 if failed else 0


sys.exit(main())
