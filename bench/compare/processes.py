# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""The servers and the load as processes: where they run, and that they end."""

import ctypes
import json
import os
import re
import resource
import select
import signal
import struct
import subprocess

GREETING = re.compile(rb"listening on 127\.0\.0\.1:(\d+)\n")
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """What went wrong, in a line."""


class Machine:
    """Two CPUs, one for the server and one for the load, and nothing else on them as far as that can be had."""

    def __init__(self, pinned=True, real_time=True):
        self.server_cpu, self.load_cpu = two_cpus() if pinned else (None, None)
        self.real_time = real_time and os.geteuid() == 0
        self.awake = None
        self.libc = ctypes.CDLL(None)
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

    def stay_awake(self):
        """A virtual CPU that halts is woken by the host, which costs more than what is measured here."""
        try:
            self.awake = os.open("/dev/cpu_dma_latency", os.O_WRONLY)
            os.write(self.awake, struct.pack("i", 0))
        except OSError:
            self.awake = None

    def describe(self):
        if self.server_cpu is None:
            return "not pinned"
        return (f"server on CPU {self.server_cpu}, load on CPU {self.load_cpu}, " +
                ("at real-time priority, " if self.real_time else "at ordinary priority, ") +
                ("kept from sleeping" if self.awake is not None else "which may sleep: root gets steadier figures"))

    def becomes(self, cpu):
        """What a child does first: it ends with us, has its CPU, and, if it may, goes before all others there."""

        def prepare():
            self.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})
            if self.real_time:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))

        return prepare


def two_cpus():
    """The first one we may use, and the next that shares no core with it, if there is one."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Failure("this needs two CPUs, one for the server and one for the load; here is one")
    first, *others = allowed
    return first, next((each for each in others if each not in siblings(first)), others[0])


def siblings(cpu):
    try:
        with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", encoding="ascii") as file:
            text = file.read()
    except OSError:
        return {cpu}
    ranges = [[int(end) for end in part.split("-")] for part in text.strip().split(",")]
    return {each for part in ranges for each in range(part[0], part[-1] + 1)}


class Server:
    """A contender's process. As a context manager it is killed at the end."""

    def __init__(self, machine, build, contender, environment=None):
        self.contender = contender
        program = os.path.join(build, contender.command[0])
        self.process = subprocess.Popen([program, "--port", "0", *contender.command[1:]], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, preexec_fn=machine.becomes(machine.server_cpu),
                                        env={**os.environ, **(environment or {})})
        try:
            self.port = self.read_port()
        except BaseException:
            self.end()
            raise

    def read_port(self):
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], 10)[0]:
                raise Failure(f"{self.contender.name}: does not say where it listens")
            piece = os.read(self.process.stdout.fileno(), 200)
            if not piece:
                raise Failure(f"{self.contender.name}: ended before it listened")
            line += piece
        found = GREETING.fullmatch(line)
        if not found:
            raise Failure(f"{self.contender.name}: said {line!r} instead of where it listens")
        return int(found[1])

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def drive(machine, build, server, arguments, patience=20):
    """Runs the load against a server, and gives what it printed."""
    command = [os.path.join(build, "bench/compare/compare_load"), *map(str, arguments), "--port", str(server.port),
               "--pid", str(server.process.pid), "--patience", str(patience)]
    # The load's own watchdog is sooner, and knows more.
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                               timeout=patience + 3700, preexec_fn=machine.becomes(machine.load_cpu))
    except subprocess.TimeoutExpired:
        raise Failure(f"{server.contender.name}: the load does not end") from None
    if ended.returncode != 0:
        gone = server.process.poll()
        raise Failure(f"{server.contender.name}: {ended.stderr.strip() or f'the load ended with {ended.returncode}'}" +
                      ("" if gone is None else f" (the server had ended with status {gone})"))
    return json.loads(ended.stdout)
