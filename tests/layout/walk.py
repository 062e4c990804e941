#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""Checks the path of a byte in docs/architecture.md: each function exists in its file, and where the call is written in the
code of the function, it calls the next one."""

import re
import sys

# Calls that are not written as such: made by the compiler, virtual, or through a function of two lines.
UNWRITTEN = {
    ("use", "await_transform"),
    ("await_transform", "await_ready"),
    ("await_ready", "await_suspend"),
    ("submit", "prepare_recv"),
    ("iterate", "dispatch"),
    ("on_completion", "await_outcome"),
}


def body_of(text, name):
    """The text of the function's definitions: from its name to the brace that closes it."""
    found = []
    for match in re.finditer(rf"\b{name}\((?:[^;{{]|\{{\}})*\{{", text):
        depth, at = 1, match.end()
        while depth and at < len(text):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        found.append(text[match.start():at])
    return "\n".join(found)


def main():
    page = open("docs/architecture.md", encoding="utf-8").read()
    block = re.search(r"```text\n(down .*?)```", page, re.S).group(1)
    steps = re.findall(r"^(down|up|    ) +(\S+) +(\w+) ", block, re.M)
    failed = len(steps) < 8
    for (_, path, name), following in zip(steps, steps[1:] + [None]):
        body = body_of(open(path, encoding="utf-8").read(), name)
        if not body:
            print(f"{path} does not define {name}")
            failed = True
        elif following and following[0] != "up" and (name, following[2]) not in UNWRITTEN:
            if not re.search(rf"\b{following[2]}\(", body):
                print(f"{path}: {name} does not call {following[2]}")
                failed = True
    return 1 if failed else 0


sys.exit(main())
