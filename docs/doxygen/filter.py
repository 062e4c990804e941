# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""Input filter for Doxygen. Usage: filter.py FILE, from the root of the project

Headers: turns an indented example into a code block and a contract line ("Errors:    ...") into a paragraph
with a title, and removes the inline namespace of the version. Pages: fixes links to headings, and bars in
tables. Both: keeps IPv6 addresses from becoming links. Main page: inserts the diagram of the rooms from
docs/architecture.md.
"""

import re
import sys
from html import escape
from pathlib import Path

TITLES = ("Awaits|Buffers?|Cancel|Completes(?:, cancel, order, cost)?|Cost|Errors|Fairness|Flags|Lifetime|Limit|Moves|Order|"
          "Overlap|Sending|Since|T|Threads|Views")
CONTRACT = re.compile(rf"^({TITLES}):\s+(\S.*)$")
NEXT_TITLE = re.compile(rf"(?<=\.)\s+(?=(?:{TITLES}):\s)")
COMMENT = re.compile(r"^(\s*)///(?!<)(.*)$")
# Code with a bar in a table: the bar can only be escaped inside an HTML element.
BARS = re.compile(r"`([^`]*\\\|[^`]*)`")
# An IPv6 address such as `::ffff:192.0.2.1`: Doxygen would look for a global name.
IPV6 = re.compile(r"`::([^`:]*:[^`:]*)`")
PICTURE = re.compile(r"--+>|^\s*\|", re.MULTILINE)


def is_code(line):
    return line.startswith("     ")


def commented(lines):
    """Converts the lines of one comment."""
    result, at, in_contract = [], 0, False
    while at < len(lines):
        line = lines[at]
        if is_code(line) and not in_contract:
            begin = at
            while at < len(lines) and (is_code(lines[at]) or (not lines[at].strip() and
                                                              any(map(is_code, lines[at + 1:at + 2])))):
                at += 1
            code = [each[5:] for each in lines[begin:at]]
            word = "verbatim" if PICTURE.search("\n".join(code)) else "code"
            result += [f"@{word}{'{.cpp}' if word == 'code' else ''}", *code, f"@end{word}"]
            continue
        text = line.strip()
        if CONTRACT.match(text):
            in_contract = True
            for part in NEXT_TITLE.split(text):
                title, what = CONTRACT.match(part).groups()
                result += ["", f"@par {title}", escaped(what)]
        else:
            in_contract = in_contract and bool(text)
            result.append(escaped(line[1:] if not in_contract else text))
        at += 1
    return result


def escaped(text):
    """Escapes <header.h> and @ outside `code`, and IPv6 addresses; Doxygen would interpret them."""
    parts = text.split("`")
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"<(coil/[\w/.]+|\w+(?:/\w+)*(?:\.h)?)>", r"`<\1>`", parts[i]).replace("@", "\\@")
    return IPV6.sub(r"<code>\\::\1</code>", "`".join(parts))


def header(text):
    text = text.replace("coil::COIL_ABI", "coil")
    result, comment, indent = [], [], ""

    def end():
        result.extend(f"{indent}/// {each}".rstrip() for each in commented(comment))
        comment.clear()

    for line in text.splitlines():
        if found := COMMENT.match(line):
            indent = found[1]
            comment.append(found[2])
        else:
            end()
            result.append(line)
    end()
    return "\n".join(result) + "\n"


def label(page, heading):
    return f"{page}-" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def name_of(path):
    return "-".join(path.with_suffix("").parts[-2:])


def page(path):
    here = name_of(path)
    result, in_code = [], False
    for line in path.read_text().splitlines():
        if line.startswith("```"):
            in_code = not in_code
            line = line.replace("```text", "```")
        elif not in_code:
            line = BARS.sub(lambda code: f"<code>{escape(code[1])}</code>", line)
            line = IPV6.sub(r"<code>\\::\1</code>", line)
            if found := re.match(r"^(##+) (.*)$", line):
                line = f"{found[1]} {found[2]} {{#{label(here, found[2])}}}"
            line = re.sub(r"\]\(#([\w-]+)\)", rf"](#{here}-\1)", line)
            line = re.sub(r"\]\((?:\.\./|guides/)*([\w-]+)\.md#([\w-]+)\)",
                          lambda link: f"](#{folder_of(path, link[0])}-{link[1]}-{link[2]})", line)
        result.append(line)
    return "\n".join(result) + "\n"


def folder_of(path, link):
    if "guides/" in link:
        return "guides"
    return path.parent.parent.name if "../" in link else path.parent.name


def main_page(text):
    house = re.search(r"^```text\n(floor.*?)^```$", Path("docs/architecture.md").read_text(), re.MULTILINE | re.DOTALL)
    return text.replace("@house", f"@verbatim\n{house[1]}@endverbatim")


path = Path(sys.argv[1])
print({".md": page, ".dox": lambda it: main_page(it.read_text()), ".hpp": lambda it: header(it.read_text())}
      [path.suffix](path), end="")
