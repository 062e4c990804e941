#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""Runs coil's examples and their rivals on this machine and compares them.

For each workload, the script starts all servers. Each server must first pass an exchange in which every byte is
checked. The script then measures the servers one after the other in each round, with the reference twice, and
reverses the order in every second round. The report shows the ratios of servers within a round: the median over
all rounds, the minimum and the maximum. Every measurement is kept.
"""

import argparse
import contextlib
import datetime
import fnmatch
import json
import os
import platform
import sys
import tempfile

sys.dont_write_bytecode = True

import catalogue  # noqa: E402
import chart  # noqa: E402
import compiling  # noqa: E402
import report  # noqa: E402
import rules  # noqa: E402
from processes import Failure, Machine, Server, drive  # noqa: E402

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MALLOC_COUNT = "bench/compare/libcompare_malloc_count.so"
KERNEL_6_1 = "bench/compare/libcompare_kernel_6_1.so"


def main():
    given = parse()
    try:
        Comparison(given).run()
    except Failure as failure:
        say(f"compare: {failure}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def parse():
    parser = argparse.ArgumentParser(prog="compare.py", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a short run: fewer workloads, 5 rounds of 0.2 s")
    parser.add_argument("--only", metavar="PATTERN", action="append", default=[],
                        help="workloads whose names match, such as 'tcp-64*'; may be repeated (see --list)")
    parser.add_argument("--rounds", type=int, help="rounds per workload (default: 9)")
    parser.add_argument("--seconds", type=float, help="duration of each measurement (default: 0.35)")
    parser.add_argument("--gate", action="store_true", help="judge coil against the gate, and store the verdicts and the chart under docs/performance/")
    parser.add_argument("--as-6.1", dest="as_6_1", action="store_true",
                        help="all servers see the io_uring of Linux 6.1; the limits of the gate are wider by 10 %%")
    parser.add_argument("--epoll", action="store_true", help="compare coil on epoll with coil on io_uring and with rivals on epoll")
    parser.add_argument("--list", action="store_true", help="print the names of the workloads")
    parser.add_argument("--no-realtime", action="store_true", help="use ordinary priority, even as root")
    parser.add_argument("--smoke", action="store_true", help="only check that everything works; measures nothing")
    parser.add_argument("--build", default=os.path.join(SOURCE, "build/release"), help="the build folder")
    given = parser.parse_args()
    given.workloads = catalogue.EPOLL_WORKLOADS if given.epoll else catalogue.WORKLOADS
    if given.list:
        for each in given.workloads:
            print(f"{each.name:20} {each.title}")
        sys.exit(0)
    if given.gate and (given.quick or given.only or given.smoke or given.epoll):
        parser.error("--gate needs a complete run: omit --quick, --only, --smoke and --epoll")
    if given.epoll and given.as_6_1:
        parser.error("--as-6.1 changes only io_uring: omit it, or --epoll")
    given.rounds = given.rounds or (1 if given.smoke else 5 if given.quick else 9)
    given.seconds = given.seconds or (0.02 if given.smoke else 0.2 if given.quick else 0.35)
    if given.rounds < 1 or not 0 < given.seconds <= 60:
        parser.error("--rounds must be at least 1, --seconds more than 0 and at most 60")
    return given


def say(text, end="\n"):
    print(text, end=end, file=sys.stderr, flush=True)


class Comparison:
    def __init__(self, given):
        self.given = given
        self.build = os.path.abspath(given.build)
        self.machine = Machine(pinned=not given.smoke, real_time=not (given.smoke or given.no_realtime))
        self.has_asio = self.is_built("asio_echo")
        self.has_tls = self.is_built("openssl_echo")
        self.workloads = [each for each in given.workloads
                          if (self.has_tls or not each.tls) and (each.quick or not (given.quick or given.smoke)) and
                          (not given.only or any(fnmatch.fnmatch(each.name, like) for like in given.only))]
        if not self.workloads:
            raise Failure(f"no workload matches {' or '.join(given.only)} (see --list)")
        self.results = {}
        self.date = datetime.datetime.now().astimezone()

    def is_built(self, program):
        return os.path.exists(os.path.join(self.build, "bench/compare", program))

    def run(self):
        if not self.given.smoke:
            self.machine.stay_awake()
        say(f"{len(self.workloads)} workloads, {self.given.rounds} rounds, {self.machine.describe()}")
        if not self.has_asio:
            say("Boost.Asio is not installed (Debian: libboost1.81-dev): it is left out")
        if not self.has_tls:
            say("coil is built without TLS: the TLS workloads are left out")
        with self.raw_file() as self.raw:
            self.record(kind="run", **self.circumstances())
            for number, workload in enumerate(self.workloads):
                self.progress = f"[{number + 1}/{len(self.workloads)}] {workload.title}"
                if not sys.stderr.isatty():
                    say(self.progress)  # one line per workload
                if workload.kind == "memory":
                    self.measure_memory(workload)
                elif workload.kind == "compile":
                    self.measure_compilation(workload)
                else:
                    self.measure(workload)
                self.show_progress("")
                print(report.workload_table(workload, self.results.get(workload.name, {})), end="\n\n", flush=True)
            raw_name = self.raw.name
        self.conclude(raw_name)

    # ---- one workload

    def measure(self, workload):
        with contextlib.ExitStack() as running:
            servers = {}
            for each in self.present(workload):
                self.show_progress(f"checking {each.name}")
                servers[each.name] = running.enter_context(
                    Server(self.machine, self.build, each, self.environment(each)))
                self.drive(servers[each.name], (*workload.load, "--verify"))
            load = (*workload.load, "--seconds", self.given.seconds, "--warm-up", self.given.seconds / 8)
            if workload.kind == "latency":
                load = (*load, "--rate", self.half_rate(servers[workload.reference], load))
            for number in range(self.given.rounds):
                for name in rules.in_order(servers, number):
                    self.show_progress(f"round {number + 1} of {self.given.rounds}, {name}")
                    self.keep(workload, number, name, self.drive(servers[name], load))

    def half_rate(self, reference, load):
        """Returns half the reference's median rate. All servers get this rate, so that none of them is saturated."""
        return round(sorted(self.drive(reference, load)["rate"] for _ in range(3))[1] / 2)

    def drive(self, server, load):
        # A smoke test may run a build with sanitizers on a busy machine, so give it more time.
        return drive(self.machine, self.build, server, load, patience=60 if self.given.smoke else 20)

    def measure_memory(self, workload):
        """Starts a new process for each server. Memory use does not vary between rounds, so one round is enough."""
        connections = int(workload.load[-1])
        limit = os.sysconf("SC_OPEN_MAX")
        if self.given.smoke:
            connections = 100
        elif limit < connections + 100:
            say(f"{workload.title}: left out: a process may have only {limit} descriptors; raise ulimit -n")
            return
        load = (*workload.load[:-1], connections)
        for each in self.present(workload):
            self.show_progress(each.name)
            with tempfile.NamedTemporaryFile() as counted:
                # In a smoke test, the build may use a sanitizer, which has its own malloc.
                counts = not self.given.smoke
                environment = (self.environment(each, MALLOC_COUNT, COMPARE_MALLOC_COUNT=counted.name) if counts
                               else self.environment(each))
                with Server(self.machine, self.build, each, environment) as server:
                    file = ("--malloc-count", counted.name) if counts else ()
                    self.keep(workload, 0, each.name, self.drive(server, (*load, *file, "--verify")))

    def measure_compilation(self, workload):
        """Runs only a few rounds, because compile times are long and hardly vary."""
        compiler = compiling.Compiler(self.build, SOURCE, "-O0" if self.given.smoke else "-O2")
        present = [each.name for each in self.present(workload)]
        sources = {each.name: each.command[0] for each in workload.contenders}
        for number in range(min(self.given.rounds, 5)):
            for name in rules.in_order(present, number):
                self.show_progress(f"round {number + 1}, {name}")
                self.keep(workload, number, name, compiler.measure(sources[name], self.machine))

    def environment(self, contender, *preloaded, **others):
        """Returns a server's environment variables, in addition to the inherited ones."""
        libraries = [os.path.join(self.build, each) for each in (*preloaded, *[KERNEL_6_1] * self.given.as_6_1)]
        return {**({"LD_PRELOAD": " ".join(libraries)} if libraries else {}), **others, **dict(contender.environment)}

    def present(self, workload):
        return [each for each in workload.contenders if each.family != "asio" or self.has_asio]

    def keep(self, workload, number, name, measured):
        self.results.setdefault(workload.name, {}).setdefault(name, []).append(measured)
        self.record(kind="round", workload=workload.name, round=number, contender=name, **measured)

    # ---- results

    def raw_file(self):
        if self.given.smoke:
            return tempfile.NamedTemporaryFile("w", suffix=".jsonl")
        folder = os.path.normpath(os.path.join(self.build, "../compare"))
        os.makedirs(folder, exist_ok=True)
        return open(os.path.join(folder, f"{self.name_of_run()}.jsonl"), "w", encoding="utf-8")

    def name_of_run(self):
        return f"{self.date:%Y-%m-%d-%H%M%S}" + "-as-6.1" * self.given.as_6_1

    def record(self, **what):
        self.raw.write(json.dumps(what) + "\n")

    def circumstances(self):
        return {"date": self.date.isoformat(timespec="seconds"), "kernel": platform.release(), "cpu": cpu_model(),
                "cpus": os.cpu_count(), "rounds": self.given.rounds, "seconds": self.given.seconds,
                "how": self.machine.describe() + ", as Linux 6.1" * self.given.as_6_1}

    def show_progress(self, what):
        if sys.stderr.isatty():
            say("\r\033[K" + (f"{self.progress}: {what}" if what else ""), end="")

    def conclude(self, raw_name):
        if self.given.smoke:
            return
        folder = os.path.dirname(raw_name)
        if self.given.epoll:
            print(report.gate_table([self.judge(row, ()) for row in catalogue.EPOLL_GATE]), end="\n\n")
        elif self.given.gate:
            folder = os.path.join(SOURCE, "docs/performance")
            table = report.gate_table([self.judge(row, catalogue.STRENGTHS) for row in catalogue.GATE])
            print(table, end="\n\n")
            self.write(os.path.join(folder, f"{self.name_of_run()}.txt"),
                       f"{report.heading(self.circumstances())}\n\n{table}\n")
        if not self.given.epoll:
            self.write(os.path.join(folder, f"comparison{'-as-6.1' * self.given.as_6_1}.svg"), self.chart())
        say(f"all rounds: {os.path.relpath(raw_name)}")

    def judge(self, row, strengths):
        workload = next(each for each in self.given.workloads if each.name == row.workload)
        if self.given.as_6_1:
            row = rules.widened(row, 0.1)
        return rules.judge(self.results, row, strengths, reference=workload.reference,
                           again=workload.again, family_of=family_of)

    def chart(self):
        masked = " as 6.1" * self.given.as_6_1
        subtitle = (f"{cpu_model()}, Linux {platform.release()}{masked}, {self.date:%Y-%m-%d}: median of {self.given.rounds} "
                    "paired rounds")
        beside_bare = [each for each in self.workloads if each.reference == catalogue.BARE]
        return chart.chart(beside_bare, self.results, catalogue.BARE, subtitle)

    def write(self, name, text):
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
        say(f"written: {os.path.relpath(name)}")


def family_of(name):
    contenders = (each for workload in catalogue.WORKLOADS for each in workload.contenders)
    return next((each.family for each in contenders if each.name == name), "")


def cpu_model():
    with contextlib.suppress(OSError):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
