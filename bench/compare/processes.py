# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""Runs the servers and the load generator as processes. Chooses their CPUs and makes sure that they end."""

import ctypes
import json
import os
import re
import resource
import select
import signal
import struct
import subprocess

GREETING = re.compile(rb"listening on 127\.0\.0\.1:(\d+)\n.*", re.DOTALL)
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """An error, described in one line."""


class Machine:
    """The machine's two CPUs for the server and the load, kept free of other work as far as possible."""

    def __init__(self, pinned=True, real_time=True):
        self.server_cpu, self.load_cpu = two_cpus() if pinned else (None, None)
        self.real_time = real_time and os.geteuid() == 0
        self.awake = None
        self.libc = ctypes.CDLL(None)
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

    def stay_awake(self):
        """Keeps idle CPUs awake, because waking a halted virtual CPU costs more than the measured work."""
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
                ("kept from sleeping" if self.awake is not None else "which may sleep: run as root for steadier figures"))

    def child_setup(self, cpu):
        """Returns a preexec_fn that makes the child die with this process, pins the child to `cpu`, and gives it
        real-time priority if that is allowed."""

        def prepare():
            self.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})
            if self.real_time:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))

        return prepare


def two_cpus():
    """Returns the first allowed CPU and another one, on a different core if possible."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Failure("only one CPU is available; two are needed, one for the server and one for the load")
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
    """A contender's process. On exit, the context manager kills the process."""

    def __init__(self, machine, build, contender, environment=None):
        self.contender = contender
        program = os.path.join(build, contender.command[0])
        self.process = subprocess.Popen([program, "--port", "0", *contender.command[1:]], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, preexec_fn=machine.child_setup(machine.server_cpu),
                                        env={**os.environ, **(environment or {})})
        try:
            self.port = self.read_port()
        except BaseException:
            self.end()
            raise

    def read_port(self):
        line = b""
        while b"\n" not in line:
            if not select.select([self.process.stdout], [], [], 10)[0]:
                raise Failure(f"{self.contender.name}: did not print its port within 10 s")
            piece = os.read(self.process.stdout.fileno(), 200)
            if not piece:
                raise Failure(f"{self.contender.name}: exited before it printed its port")
            line += piece
        found = GREETING.fullmatch(line)
        if not found:
            raise Failure(f"{self.contender.name}: printed {line!r} instead of its port")
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
    """Runs the load generator against a server and returns the load generator's parsed output."""
    command = [os.path.join(build, "bench/compare/compare_load"), *map(str, arguments), "--port", str(server.port),
               "--pid", str(server.process.pid), "--patience", str(patience)]
    # This timeout is only a fallback. The load generator's watchdog fires earlier and says what it was
    # waiting for.
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                               timeout=patience + 3700, preexec_fn=machine.child_setup(machine.load_cpu))
    except subprocess.TimeoutExpired:
        raise Failure(f"{server.contender.name}: the load generator does not end") from None
    if ended.returncode != 0:
        gone = server.process.poll()
        raise Failure(f"{server.contender.name}: {ended.stderr.strip() or f'the load exited with {ended.returncode}'}" +
                      ("" if gone is None else f" (the server had exited with status {gone})"))
    return json.loads(ended.stdout)
