# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""Runs the example servers and clients under packaging/seccomp/coil.json, compiled to a filter as container
engines do. Without the rule for io_uring, they run on epoll. System calls that a server does not need are refused."""

import ctypes
import json
import os
import platform
import re
import signal
import struct
import subprocess
import sys
from pathlib import Path

PROFILE = Path(os.environ["COIL_SOURCE_DIR"]) / "packaging/seccomp/coil.json"
EXAMPLES = Path(os.environ["COIL_EXAMPLES"])
ARCHITECTURES = {"x86_64": ("SCMP_ARCH_X86_64", 0xC000003E), "aarch64": ("SCMP_ARCH_AARCH64", 0xC00000B7)}

# The leak check at exit would ptrace its own process.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0"}

LOAD, EQUAL, AND, RETURN = 0x20, 0x15, 0x54, 0x06  # BPF_LD|ABS, BPF_JMP|JEQ|K, BPF_ALU|AND|K, BPF_RET
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data


def system_calls():
    """Returns the numbers of the system calls on this machine."""
    text = subprocess.run([os.environ["COIL_CXX"], "-E", "-dM", "-x", "c++", "-"], input="#include <asm/unistd.h>\n",
                          capture_output=True, text=True, check=True).stdout
    return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", text)}


def verdict(rule):
    return ALLOW if rule["action"] == "SCMP_ACT_ALLOW" else ERRNO | rule["errnoRet"]


def conditions(rule):
    """Yields steps that continue after the last one if an argument matches. Values and masks have 32 bits."""
    for argument in rule.get("args", []):
        at = ARGUMENTS + 8 * argument["index"]
        if argument["op"] == "SCMP_CMP_MASKED_EQ":
            yield (LOAD, at), (AND, argument["value"]), (EQUAL, argument["valueTwo"])
        else:
            assert argument["op"] == "SCMP_CMP_EQ"
            yield (LOAD, at + 4), (EQUAL, 0), (LOAD, at), (EQUAL, argument["value"])


def compile_filter(profile, numbers):
    wanted, token = ARCHITECTURES[platform.machine()]
    assert any(each["architecture"] == wanted for each in profile["archMap"])
    code = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, token), (RETURN, 0, 0, KILL)]
    for rule in profile["syscalls"]:
        steps = [step for condition in conditions(rule) for step in condition]
        for number in sorted(numbers[name] for name in rule["names"] if name in numbers):
            code += [(LOAD, 0, 0, NUMBER), (EQUAL, 0, len(steps) + 1, number)]
            for i, (operation, operand) in enumerate(steps):
                otherwise = len(steps) - i if operation == EQUAL else 0
                code.append((operation, 0, otherwise, operand))
            code.append((RETURN, 0, 0, verdict(rule)))
    code.append((RETURN, 0, 0, ERRNO | profile["defaultErrnoRet"]))
    return b"".join(struct.pack("HBBI", *each) for each in code)


class Program(ctypes.Structure):
    _fields_ = [("size", ctypes.c_ushort), ("code", ctypes.c_void_p)]


def under(code):
    """Returns a function that the child calls before exec, to load the filter."""
    libc = ctypes.CDLL(None, use_errno=True)
    memory = ctypes.create_string_buffer(code)
    program = Program(len(code) // 8, ctypes.addressof(memory))

    def load(_=memory):
        no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
        if (libc.prctl(no_new_privileges, 1, 0, 0, 0)
                or libc.prctl(set_seccomp, filter_mode, ctypes.byref(program), 0, 0)):
            raise OSError(ctypes.get_errno(), "prctl")

    return load


def start(code, *command):
    return subprocess.Popen([str(each) for each in command], env=ENVIRONMENT, preexec_fn=under(code), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def run(code, *command):
    process = start(code, *command)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


def check(what, detail=""):
    if not what:
        sys.exit(f"not as expected: {detail}")


def check_echo(code, protocol, count, engine="engine: io_uring"):
    server = start(code, EXAMPLES / f"{protocol}_echo_server", "--port", "0")
    try:
        line = server.stdout.readline()
        check(line.startswith("listening on "), f"{protocol} server: {line}")
        port = line.rsplit(":", 1)[1].strip()
        line = server.stdout.readline()
        check(line.startswith(engine), f"{protocol} server: {line}")
        status, output = run(code, EXAMPLES / f"{protocol}_echo_client", "--port", port, "--count", count)
        check(status == 0, f"{protocol} client: {output}")
        server.send_signal(signal.SIGTERM)
        output, _ = server.communicate(timeout=60)
        check(server.returncode == 0, f"{protocol} server: status {server.returncode}: {output}")
    finally:
        server.kill()


def main():
    if platform.machine() not in ARCHITECTURES or not (EXAMPLES / "tcp_echo_server").exists():
        print("no examples, or an architecture that is not in the profile")
        sys.exit(77)
    profile = json.loads(PROFILE.read_text())
    numbers = system_calls()
    code = compile_filter(profile, numbers)
    check_echo(code, "tcp", 100)
    check_echo(code, "udp", 100)

    # socket(AF_PACKET), ptrace() and unshare(CLONE_NEWUSER) are not in the profile.
    status, output = run(code, sys.executable, "-c", f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for call in [({numbers["socket"]}, 17, 3, 0), ({numbers["ptrace"]}, 0, 0, 0), ({numbers["unshare"]}, 0x10000000)]:
    assert libc.syscall(*call) == -1 and ctypes.get_errno() == 1, call
""")
    check(status == 0, output)

    profile["syscalls"] = [rule for rule in profile["syscalls"] if "io_uring_setup" not in rule["names"]]
    code = compile_filter(profile, numbers)
    check_echo(code, "tcp", 100, "engine: epoll (io_uring is not available: a seccomp profile forbids it")
    check_echo(code, "udp", 100, "engine: epoll")


main()
