# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""Generates programs from the C++ blocks in README.md and docs/. usage: extract.py SOURCE_DIR TARGET_DIR

Writes one PAGE.cpp for each page that has blocks, and prints one line for each block that can be run: the
program that contains the block, and the block's name, PAGE_NUMBER. An HTML comment before a block, which
readers do not see, gives its kind:

    <!-- program -->                       has a main(), which runs in its own network namespace and returns 0
    <!-- program, beside echo_client -->   runs beside a function of tests/docs/peers.cpp, which also ends it
    <!-- in: task -->                      the body of a task with a parameter `context`; ends, or stops the
                                           context
    <!-- declarations -->                  code at namespace scope
    <!-- declarations, not run -->         code at namespace scope that is only compiled

Each kind may be followed by `needs LIBRARY`, with a library of tests/docs/CMakeLists.txt. If the library is not
installed, the block is not compiled, and its test is skipped. Pages with such blocks form a program of their own,
because it is linked to these libraries. Their files are named PAGE.with_libraries.cpp.

With `after NUMBER`, the declarations of an earlier block of the page come first.

Further lines of the comment are code before the block; lines after a line `...` are code after it. The code
after declarations is the body of a task. A file is written only if it changes, so that it is not recompiled
needlessly.
"""

import re
import sys
from pathlib import Path

LANGUAGES = {"cpp", "sh", "cmake", "ini", "json", "text"}
FENCE = re.compile(r"^```(\S*)\s*$")
INCLUDE = re.compile(r"^\s*#include\s")
KINDS = {"program", "in: task", "declarations"}

FRAGMENT_NAMES = """\
using coil::docs::connected;
using coil::docs::expect;
using coil::docs::needs_localhost;
using coil::ip::tcp;
using coil::ip::udp;
using namespace std::chrono_literals;
"""


class PageError(Exception):
    pass


class Block:
    def __init__(self, page, number, line, lines, comment, comment_line):
        self.page, self.number, self.line, self.lines = page, number, line, lines
        head, *hidden = comment
        self.kind, *attributes = [part.strip() for part in head.split(",")]
        if self.kind not in KINDS:
            raise PageError(
                f"{page.path}:{comment_line}: unknown kind of block \"{self.kind}\"; use one of {sorted(KINDS)}")
        self.peer, self.library, self.is_run, self.first = "", "", True, []
        for attribute in attributes:
            if attribute.startswith("beside "):
                self.peer = attribute.removeprefix("beside ")
            elif attribute.startswith("needs "):
                self.library = attribute.removeprefix("needs ")
            elif attribute.startswith("after "):
                self.first.append(int(attribute.removeprefix("after ")))
            elif attribute == "not run":
                self.is_run = False
            else:
                raise PageError(
                    f"{page.path}:{comment_line}: unknown attribute \"{attribute}\"; "
                    "use \"beside PEER\", \"needs LIBRARY\", \"after NUMBER\" or \"not run\"")
        split = hidden.index("...") if "..." in hidden else len(hidden)
        self.before, self.before_line = hidden[:split], comment_line + 1
        self.after, self.after_line = hidden[split + 1:], comment_line + split + 2
        if self.kind == "declarations" and self.is_run and not self.after:
            raise PageError(
                f"{page.path}:{comment_line}: nothing runs these declarations; add code after a line ..., or \"not run\"")

    @property
    def name(self):
        return f"{self.page.name}_{self.number}"

    def pieces(self):
        return [(self.before, self.before_line), (self.lines, self.line), (self.after, self.after_line)]

    def includes(self):
        return [line.strip() for lines, _ in self.pieces() for line in lines if INCLUDE.match(line)]

    def code(self, lines, line):
        """The lines without includes, after a #line that makes compiler messages name the page."""
        kept = ["" if INCLUDE.match(each) else each for each in lines]
        return [f'#line {line} "{self.page.path}"', *kept] if lines else []

    def if_available(self, available, otherwise):
        """CMake defines COIL_DOCS_NO_LIBRARY as the reason to skip if the library is not installed."""
        if not self.library:
            return available
        return [f"#ifndef COIL_DOCS_NO_{self.library.upper()}", *available, "#else", *otherwise, "#endif"]

    def skipped(self):
        return [f'const coil::docs::block registered("{self.name}", '
                f"[] {{ return coil::docs::skip(COIL_DOCS_NO_{self.library.upper()}); }}, false);"]

    def program(self):
        before, block, after = [self.code(*piece) for piece in self.pieces()]
        for number in reversed(self.first):
            earlier = self.page.blocks[number - 1]
            before = self.code(earlier.lines, earlier.line) + before
        if self.kind == "program":
            return before + with_return(block) + after + [self.run("main()")]
        names = FRAGMENT_NAMES.splitlines()
        begin, end = ["coil::task<> body([[maybe_unused]] coil::io_context& context) {"], ["co_return;", "}"]
        if self.kind == "in: task":
            return names + begin + before + block + after + end + [self.run("coil::docs::run(body)")]
        declarations = names + before + block
        return declarations + (begin + after + end + [self.run("coil::docs::run(body)")] if self.is_run else [])

    def run(self, expression):
        beside = f", coil::docs::{self.peer}" if self.peer else ""
        own_network = "true" if self.kind == "program" else "false"
        return (f'const coil::docs::block registered("{self.name}", [] {{ return {expression}; }}, '
                f"{own_network}{beside});")


def with_return(lines):
    """Adds the return statement: a main() in a namespace is an ordinary function without an implicit return 0."""
    result, inside = [], False
    for line in lines:
        inside = inside or line.startswith("int main(")
        if inside and line.startswith("}"):
            result.append("return 0;")
        result.append(line)
    return result


class Page:
    def __init__(self, root, path):
        self.path = path
        relative = path.relative_to(root)
        parts = relative.with_suffix("").parts
        self.path, self.name = relative, "_".join(parts[1:] or parts).lower()
        self.blocks = list(self.read(path.read_text().splitlines()))
        self.needs_libraries = any(block.library for block in self.blocks)
        self.file_name = self.name + (".with_libraries.cpp" if self.needs_libraries else ".cpp")

    def read(self, lines):
        number, at = 0, 0
        comment, comment_line = None, 0
        while at < len(lines):
            line = lines[at]
            if line.startswith("<!-- "):
                comment_line, text = at + 1, []
                while True:
                    text.append(lines[at])
                    if lines[at].rstrip().endswith("-->"):
                        break
                    at += 1
                text[0] = text[0].removeprefix("<!-- ")
                text[-1] = text[-1].rstrip().removesuffix("-->").rstrip()
                comment = text if text[-1] or len(text) == 1 else text[:-1]
            elif fence := FENCE.match(line):
                begin = at + 1
                at = begin + next(i for i, each in enumerate(lines[begin:]) if each.rstrip() == "```")
                if fence[1] not in LANGUAGES:
                    raise PageError(
                        f"{self.path}:{begin}: unknown language \"{fence[1]}\"; use one of {sorted(LANGUAGES)}")
                if fence[1] == "cpp":
                    if comment is None:
                        raise PageError(f"{self.path}:{begin}: no comment gives the kind of this block")
                    number += 1
                    yield Block(self, number, begin + 1, lines[begin:at], comment, comment_line)
                comment = None
            elif line.strip():
                comment = None
            at += 1

    def program(self):
        result = [f"// Generated from {self.path} by tests/docs/extract.py.", "#include <coil/coil.hpp>",
                  '#include "docs/block.hpp"']
        result += sorted({include for block in self.blocks if not block.library for include in block.includes()})
        for block in self.blocks:
            if block.library:
                result += block.if_available(block.includes(), [])
        for block in self.blocks:
            code = block.if_available(block.program(), block.skipped())
            result += ["", f"namespace {block.name} {{", "namespace {", *code, "}", "}"]
        return "\n".join(result) + "\n"


def main(source, target):
    root, target = Path(source), Path(target)
    target.mkdir(parents=True, exist_ok=True)
    paths = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    pages = [page for page in (Page(root, path) for path in paths) if page.blocks]
    for stale in set(target.glob("*.cpp")) - {target / page.file_name for page in pages}:
        stale.unlink()
    for page in pages:
        made = target / page.file_name
        text = page.program()
        if not made.exists() or made.read_text() != text:
            made.write_text(text)
        for block in page.blocks:
            if block.is_run:
                print("coil_docs_with_libraries" if page.needs_libraries else "coil_docs", block.name)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except PageError as error:
        sys.exit(str(error))
