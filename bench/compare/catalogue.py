# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""The contenders, the workloads, and the limits that coil has to meet (the gate)."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Contender:
    """A server. `command` is a program in the build folder, or a source file if compile times are measured."""

    name: str
    # One of "coil", "plain" (coil, but not written like its examples), "bare", "epoll", "asio" and "openssl", or
    # "reference" for a server that runs only for comparison.
    family: str
    command: tuple
    environment: tuple = ()  # pairs of a name and a value, in addition to the inherited ones


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    load: tuple  # arguments for the load generator
    contenders: tuple  # the first contender is the reference; the second is the reference's program again
    quick: bool = False  # whether the short run includes this workload
    kind: str = "rate"  # "rate", "latency" (open loop, at half the reference's rate), "memory" or "compile"
    tls: bool = False  # whether the workload needs a build with TLS

    @property
    def reference(self):
        return self.contenders[0].name

    @property
    def again(self):
        return self.contenders[1].name


@dataclass(frozen=True)
class Row:
    """A row of the gate. It limits coil's throughput and its CPU per unit, relative to the contenders."""

    workload: str
    against: str  # the name of the contenders in the report
    contenders: tuple  # the ratio refers to the contender that is hardest to beat
    throughput: float = None
    cpu: float = None
    # A limit on memory: if the row has contenders, on the bytes that coil uses in addition to the least of them.
    bytes_max: float = None
    ours: str = "coil"  # the contender that this row judges


@dataclass(frozen=True)
class Strength:
    """A minimum throughput for some rivals. If no rival reaches it, the rows against the rivals' family are void."""

    workload: str
    rivals: tuple  # the best of these rivals counts
    against: str
    least: float
    family: str


# ---- contenders

COIL = "coil"
PLAIN = "coil, recv(buffer)"  # uses recv(buffer) instead of recv_stream()
EPOLL = "epoll"
BARE = "bare ring"
BARE_AGAIN = "bare ring, again"
BARE_ONE_SHOT = "bare ring, one-shot"
ON_EPOLL = "coil on epoll"
ON_IO_URING = "coil on io_uring"
COIL_WITHOUT = "coil, without trains"
COIL_WITHOUT_AGAIN = "coil, without trains, again"

ASIO_DEFAULT = "Asio epoll coroutines"
ASIO_LARGE = "Asio epoll coroutines, 256 KiB"
ASIO_URING = "Asio io_uring coroutines"

OPENSSL = "OpenSSL, a thread each"
OPENSSL_EPOLL = "OpenSSL, epoll"


def asio(program, suffix="", extra=()):
    """Returns four Boost.Asio variants: epoll or io_uring, each with coroutines or callbacks."""
    return tuple(
        Contender(f"Asio {backend} {style}{suffix}", "asio", (f"bench/compare/{program}{variant}", *option, *extra))
        for backend, variant in (("epoll", ""), ("io_uring", "_uring"))
        for style, option in (("coroutines", ()), ("callbacks", ("--callbacks",)))
    )


def field_of(bare, example, others, asio_program, asio_extra=()):
    """Returns all contenders in a workload: the reference twice, coil, and the others."""
    return (
        Contender(BARE, "bare", (f"bench/compare/{bare}",)),
        Contender(BARE_AGAIN, "reference", (f"bench/compare/{bare}",)),
        Contender(COIL, "coil", (f"examples/{example}",)),
        *others,
        *asio(asio_program),
        *asio_extra,
    )


LARGE_BUFFERS = asio("asio_echo", ", 256 KiB", ("--buffer", "262144"))
TCP_OTHERS = (
    Contender(BARE_ONE_SHOT, "bare", ("bench/compare/bare_one_shot_echo",)),
    Contender(EPOLL, "epoll", ("bench/compare/epoll_echo",)),
)
TCP = field_of("bare_ring_echo", "tcp_echo_server", TCP_OTHERS, "asio_echo")
TCP_LARGE = TCP + LARGE_BUFFERS
TCP_SMALL = TCP + (Contender(PLAIN, "plain", ("bench/compare/coil_plain_echo",)),)
UPLOAD = field_of("bare_ring_discard", "tcp_discard_server",
                  (Contender(EPOLL, "epoll", ("bench/compare/epoll_discard",)),), "asio_discard")
DOWNLOAD = field_of("bare_ring_chargen", "tcp_chargen_server",
                    (Contender(EPOLL, "epoll", ("bench/compare/epoll_chargen",)),), "asio_chargen")
UDP = field_of("bare_ring_udp_echo", "udp_echo_server",
               (Contender(EPOLL, "epoll", ("bench/compare/epoll_udp_echo",)),), "asio_udp_echo")
TRAINS = (
    Contender(COIL_WITHOUT, "reference", ("examples/udp_echo_server",)),
    Contender(COIL_WITHOUT_AGAIN, "reference", ("examples/udp_echo_server",)),
    Contender(COIL, "coil", ("examples/udp_echo_server", "--trains")),
)
IDLE = tuple(each for each in TCP if each.name != BARE_AGAIN)
COMPILED = (
    Contender("Asio", "asio", ("bench/compare/compile/asio_echo.cpp",)),
    Contender(COIL, "coil", ("bench/compare/compile/coil_echo.cpp",)),
)


def tls_field(reference, *options):
    """Returns the contenders in a TLS workload. OpenSSL's own I/O is the reference."""
    bare = ("bench/compare/openssl_echo", *(("--epoll",) if reference == OPENSSL_EPOLL else ()), *options)
    return (
        Contender(reference, "openssl", bare),
        Contender(f"{reference}, again", "reference", bare),
        Contender(COIL, "coil", ("bench/compare/coil_tls_echo", *options)),
        Contender(ASIO_DEFAULT, "asio", ("bench/compare/asio_tls_echo", *options)),
        Contender(ASIO_URING, "asio", ("bench/compare/asio_tls_echo_uring", *options)),
    )


# ---- workloads

SIZES = {64: "64 B", 1024: "1 KiB", 16384: "16 KiB"}


def tcp_name(connections, size, in_flight):
    return f"tcp-{connections}x{SIZES[size].replace(' ', '')}" + (f"-{in_flight}" if in_flight > 1 else "")


def plural(number, what):
    return f"{number} {what}" + ("" if number == 1 else "s")


def tcp_workload(connections, size, in_flight):
    return Workload(
        tcp_name(connections, size, in_flight),
        f"TCP echo, {plural(connections, 'connection')}, {SIZES[size]}" +
        (f", {in_flight} in flight" if in_flight > 1 else ""),
        ("tcp_echo", "--connections", connections, "--size", size, "--in-flight", in_flight),
        TCP_LARGE if size == 16384 else TCP_SMALL if size == 64 else TCP,
        quick=(connections, size, in_flight) in
              {(1, 64, 1), (64, 64, 1), (1024, 64, 1), (64, 64, 16), (64, 16384, 16)})


ECHO_SHAPES = [(connections, size, in_flight) for size in SIZES for in_flight in (1, 16)
               for connections in (1, 64, 1024)]

WORKLOADS = [
    *(tcp_workload(*shape) for shape in ECHO_SHAPES),
    Workload("tcp-64x64B-open", "TCP echo, 64 connections, 64 B, open loop",
             ("tcp_echo", "--connections", 64, "--size", 64), TCP, quick=True, kind="latency"),
    *(Workload(f"{way}-{connections}", f"TCP {way}, {plural(connections, 'connection')}",
               (way, "--connections", connections), contenders, quick=connections == 1)
      for way, contenders in (("upload", UPLOAD), ("download", DOWNLOAD)) for connections in (1, 64)),
    Workload("connect", "TCP connect, 64 B echo, close; 16 concurrent", ("connect", "--connections", 16), TCP, quick=True),
    *(Workload(f"udp-{clients}", f"UDP echo, {plural(clients, 'client')}, 64 B",
               ("udp_echo", "--connections", clients, "--size", 64), UDP, quick=clients == 64)
      for clients in (1, 64)),
    Workload("udp-trains", "UDP echo, trains of 32 datagrams, 1200 B",
             ("udp_trains", "--size", 1200, "--in-flight", 2), TRAINS, quick=True),
    Workload("idle", "memory of 4000 idle TCP connections", ("idle", "--connections", 4000), IDLE, quick=True,
             kind="memory"),
    Workload("tls-64x64B", "TLS echo, 64 connections, 64 B", ("tls_echo", "--connections", 64, "--size", 64),
             tls_field(OPENSSL_EPOLL), quick=True, tls=True),
    Workload("tls-upload-1", "TLS upload, 1 connection, 64 KiB at a time", ("tls_upload", "--connections", 1),
             tls_field(OPENSSL, "--discard", "--buffer", "65536"), quick=True, tls=True),
    Workload("tls-download-1", "TLS download, 1 connection", ("tls_download", "--connections", 1),
             tls_field(OPENSSL, "--chargen"), quick=True, tls=True),
    Workload("tls-connect", "TCP connect, full TLS handshake, 64 B echo, close; 16 concurrent",
             ("tls_connect", "--connections", 16), tls_field(OPENSSL_EPOLL), quick=True, tls=True),
    Workload("tls-resume", "TCP connect, resumed TLS session, 64 B echo, close; 16 concurrent",
             ("tls_resume", "--connections", 16), tls_field(OPENSSL_EPOLL), quick=True, tls=True),
    Workload("tls-idle", "memory of 1000 idle TLS connections", ("tls_idle", "--connections", 1000),
             tls_field(OPENSSL_EPOLL, "--buffer", "64"), quick=True, kind="memory", tls=True),
    Workload("compile", "compile time of a minimal echo server, optimized", (), COMPILED, quick=True, kind="compile"),
]

# ---- the gate


def names(contenders, family):
    return tuple(each.name for each in contenders if each.family == family)


BULK = tcp_name(64, 16384, 16)
MANY = {tcp_name(64, 64, 1): (1.12, 0.90), tcp_name(1024, 64, 1): (1.12, 0.90), tcp_name(64, 64, 16): (1.15, 0.88)}
TLS_ASIO = (ASIO_DEFAULT, ASIO_URING)
ANY_ASIO, ANY_ASIO_LARGE = names(TCP, "asio"), names(TCP_LARGE, "asio")
BEST_ASIO, BEST_BARE = "Asio's best", "best bare ring"

GATE = [
    *(Row(tcp_name(*shape), BEST_BARE, names(TCP, "bare"), 0.95, 1.06) for shape in ECHO_SHAPES if shape[1] <= 1024),
    Row(BULK, BEST_BARE, names(TCP, "bare"), 0.90, 1.10),
    *(Row(workload, "Asio's default", (ASIO_DEFAULT,), *limits) for workload, limits in MANY.items()),
    *(Row(tcp_name(*shape), BEST_ASIO, ANY_ASIO_LARGE if shape[1] == 16384 else ANY_ASIO, 1.00, 0.97)
      for shape in ECHO_SHAPES),
    *(Row(f"{way}-{connections}", BEST_ASIO, ANY_ASIO, 1.00, 0.97)
      for way in ("upload", "download") for connections in (1, 64)),
    Row(BULK, "Asio, 16 KiB buffer", (ASIO_DEFAULT,), 1.4, 0.50),
    Row(BULK, "Asio, 256 KiB buffer", (ASIO_LARGE,), 1.05, 0.95),
    Row("udp-64", BEST_ASIO, ANY_ASIO, 1.45, 0.75),
    Row("udp-trains", "coil without trains", (COIL_WITHOUT,), None, 0.25),
    Row("connect", BEST_ASIO, ANY_ASIO, None, 0.85),
    *(Row(tcp_name(connections, 64, 1), "recv_stream()", (COIL,), 0.90, 1.10, ours=PLAIN)
      for connections in (1, 64, 1024)),
    Row("idle", "malloc'd bytes per connection", (), bytes_max=1024),
    Row("tls-64x64B", BEST_ASIO, TLS_ASIO, None, 0.95),
    *(Row(f"tls-{way}-1", *limits) for way in ("upload", "download")
      for limits in ((BEST_ASIO, TLS_ASIO, None, 0.95), (OPENSSL, (OPENSSL,), 0.95, None))),
    Row("tls-connect", BEST_ASIO, TLS_ASIO, None, 1.00),
    Row("tls-resume", BEST_ASIO, TLS_ASIO, None, 0.95),
    Row("tls-idle", "malloc'd bytes, OpenSSL's not counted", (OPENSSL_EPOLL,), bytes_max=2048),
]

# The ratios below were measured on the machine on which the rivals were tuned. On any machine, Asio's ratio to
# the bare ring must be at least 0.9 times the measured ratio.
STRENGTHS = [
    *(Strength(workload, names(TCP, "bare"), EPOLL, least, "bare")
      for workload, least in (
          (tcp_name(64, 64, 1), 1.08), (tcp_name(1024, 64, 1), 1.06), (tcp_name(64, 64, 16), 1.08))),
    *(Strength(workload, (rival,), BARE, round(0.9 * ratio, 3), "asio")
      for workload, on_epoll, on_io_uring in (
          (tcp_name(1, 64, 1), 0.97, 0.93), (tcp_name(64, 64, 1), 0.83, 0.89), (tcp_name(1024, 64, 1), 0.78, 0.85),
          (tcp_name(64, 64, 16), 0.77, 0.85), (tcp_name(64, 16384, 1), 0.78, 0.91), (BULK, 0.35, 0.37))
      for rival, ratio in ((ASIO_DEFAULT, on_epoll), (ASIO_URING, on_io_uring))),
    Strength("udp-64", ANY_ASIO, BARE, round(0.9 * 0.60, 3), "asio"),
    Strength("connect", ANY_ASIO, BARE, round(0.9 * 0.93, 3), "asio"),
    *(Strength(f"download-{connections}", ANY_ASIO, BARE, round(0.9 * 0.68, 3), "asio") for connections in (1, 64)),
    *(Strength(workload, TLS_ASIO, reference, round(0.9 * ratio, 3), "asio")
      for workload, reference, ratio in (
          ("tls-64x64B", OPENSSL_EPOLL, 1.05), ("tls-upload-1", OPENSSL, 1.00), ("tls-download-1", OPENSSL, 0.90),
          ("tls-connect", OPENSSL_EPOLL, 1.00), ("tls-resume", OPENSSL_EPOLL, 0.96))),
]

# ---- coil on epoll


def on_epoll(workload):
    """Returns the workload with coil on both engines, and with rivals on epoll."""
    by_name = {each.name: each for each in workload.contenders}
    coil, epoll = by_name[COIL], by_name[EPOLL]
    return replace(workload, contenders=(
        epoll,
        replace(epoll, name=f"{EPOLL}, again", family="reference"),
        replace(coil, name=ON_EPOLL, environment=(("COIL_ENGINE", "epoll"),)),
        replace(coil, name=ON_IO_URING, environment=(("COIL_ENGINE", "io_uring"),)),
        *(by_name[name] for name in (ASIO_DEFAULT, ASIO_LARGE) if name in by_name)))


# The limits of the CPU, relative to Asio.
EPOLL_LIMITS = {tcp_name(1, 64, 1): 1.00, tcp_name(64, 64, 1): 1.00, tcp_name(1024, 64, 1): 1.00, BULK: 0.60,
                "udp-64": 0.80}
EPOLL_WORKLOADS = [on_epoll(each) for each in WORKLOADS if each.name in EPOLL_LIMITS]
EPOLL_GATE = [
    row for name, limit in EPOLL_LIMITS.items() for row in (
        Row(name, "Asio's default", (ASIO_DEFAULT,), 0.97, limit, ours=ON_EPOLL),
        *[Row(name, "Asio, 256 KiB buffer", (ASIO_LARGE,), None, None, ours=ON_EPOLL)] * (name == BULK),
        Row(name, "plain epoll", (EPOLL,), None, 1.06, ours=ON_EPOLL),
        Row(name, ON_IO_URING, (ON_IO_URING,), None, None, ours=ON_EPOLL))
]
