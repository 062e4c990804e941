# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""Measures the cost of compiling a source file: the number of lines after preprocessing, and the CPU time."""

import os
import re
import resource
import subprocess

from processes import Failure

SECONDS_MAX = 120


class Compiler:
    """The compiler that the build uses, with optimization."""

    def __init__(self, build, source, optimization="-O2"):
        with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as file:
            cache = dict(re.findall(r"^(\w+):\w+=(.*)$", file.read(), re.MULTILINE))
        self.source = source
        self.command = [cache["CMAKE_CXX_COMPILER"], "-std=c++20", optimization, "-I", os.path.join(source, "include")]
        if os.path.isdir(cache.get("COIL_ASIO_INCLUDE", "")):
            # -I cannot be used, because the path may be a system include path, whose position in the search
            # order matters.
            self.command += ["-idirafter", cache["COIL_ASIO_INCLUDE"]]

    def measure(self, name, machine):
        path = os.path.join(self.source, name)
        lines = sum(1 for line in self.run("-E", path, "-o", "-").splitlines() if not line.startswith("#"))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.run("-c", path, "-o", os.devnull, on=machine)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = sum(getattr(after, each) - getattr(before, each) for each in ("ru_utime", "ru_stime"))
        return {"unit": "file", "lines": lines, "compile_ns": round(seconds * 1e9)}

    def run(self, *arguments, on=None):
        try:
            done = subprocess.run([*self.command, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  check=False, timeout=SECONDS_MAX,
                                  preexec_fn=on.child_setup(on.load_cpu) if on else None)
        except (OSError, subprocess.TimeoutExpired) as failure:
            raise Failure(f"{self.command[0]}: {failure}") from None
        if done.returncode != 0:
            raise Failure(f"{self.command[0]} {arguments[1]}: {done.stderr.strip()}")
        return done.stdout
