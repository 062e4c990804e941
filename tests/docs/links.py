# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""usage: links.py SOURCE_DIR

Checks that each relative link in the Markdown files leads to an existing file and heading.
"""

import re
import sys
from pathlib import Path

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def broken_links(page):
    for link in LINK.findall(CODE.sub("", page.read_text())):
        if "://" in link:
            continue
        path, _, fragment = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists():
            yield f"{page}: {link}: no such file"
        elif fragment and fragment not in map(anchor, HEADING.findall(CODE.sub("", target.read_text()))):
            yield f"{page}: {link}: no such heading"


root = Path(sys.argv[1])
broken = [each for page in [*root.glob("*.md"), *root.glob("docs/**/*.md")] for each in broken_links(page)]
print("\n".join(broken))
sys.exit(bool(broken))
