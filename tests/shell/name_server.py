# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""usage: name_server.py LOG

A name server (RFC 1035) on 127.0.0.1:53 of its network namespace, whose loopback interface it brings up.
Depending on the name, it responds correctly, responds wrongly, or does not respond. It prints "ready" on
stdout, and appends each query to LOG as NAME TYPE.
"""

import fcntl
import socket
import struct
import sys
import threading

A, CNAME, PTR, AAAA = 1, 5, 12, 28
NO_ERROR, SERVER_FAILURE, NO_SUCH_NAME, REFUSED = 0, 2, 3, 5

ADDRESSES = {
    ("two.example", A): ["192.0.2.1", "192.0.2.2"],
    ("two.example", AAAA): ["2001:db8::1"],
    ("v4.example", A): ["192.0.2.4"],
    ("v6.example", AAAA): ["2001:db8::6"],
    ("liar.example", A): ["192.0.2.7"],
    ("many.example", A): [f"198.51.100.{i}" for i in range(1, 201)],
    ("here.example", A): ["127.0.0.1"],
    ("here.example", AAAA): ["::1"],
}
FAILURES = {"no.example": NO_SUCH_NAME, "broken.example": SERVER_FAILURE, "refused.example": REFUSED}


def bring_up_loopback():
    any_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    up, set_flags = 1, 0x8914
    fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", up))


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def record(name, kind, data):
    return wire(name) + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def parse(query):
    labels, at = [], 12
    while size := query[at]:
        labels.append(query[at + 1:at + 1 + size].decode())
        at += 1 + size
    kind, = struct.unpack("!H", query[at + 1:at + 3])
    return ".".join(labels).lower(), kind, query[12:at + 5]


def reply(query, records, status=NO_ERROR, cut=False, number=None):
    own_number, = struct.unpack("!H", query[:2])
    flags = 0x8580 | (0x0200 if cut else 0) | status
    head = struct.pack("!HHHHHH", own_number if number is None else number, flags, 1, len(records), 0, 0)
    return head + parse(query)[2] + b"".join(records)


def answers(query, by_tcp):
    """Returns the packets to send, in order."""
    name, kind, _ = parse(query)
    print(name, kind, file=log, flush=True)
    if name in FAILURES:
        return [reply(query, [], FAILURES[name])]
    if name.startswith("hung.") or name == "99.2.0.192.in-addr.arpa":
        return []
    if name == "1.2.0.192.in-addr.arpa":
        return [reply(query, [record(name, PTR, wire("one.example"))])]
    if name == "alias.example":
        found = ADDRESSES.get(("two.example", kind), [])
        return [reply(query, [record(name, CNAME, wire("two.example"))] +
                      [record("two.example", kind, packed(each)) for each in found])]
    if not name.endswith(".example"):
        return [reply(query, [], NO_SUCH_NAME)]
    records = [record(name, kind, packed(each)) for each in ADDRESSES.get((name, kind), [])]
    truth = reply(query, records)
    if name == "many.example" and not by_tcp and kind == A:
        return [reply(query, [], cut=True)]
    if name == "liar.example" and kind == A:
        wrong = struct.unpack("!H", query[:2])[0] ^ 0x5555
        return [reply(query, [record(name, A, packed("203.0.113.66"))], number=wrong), truth]
    if name == "garbage.example":
        return [query[:2] + b"\xff" * 40]
    return [truth]


def serve_udp(udp):
    while True:
        query, peer = udp.recvfrom(4096)
        for each in answers(query, False):
            udp.sendto(each, peer)


def receive_all(stream, size):
    data = b""
    while len(data) < size and (more := stream.recv(size - len(data))):
        data += more
    return data


def serve_tcp(listener):
    while True:
        stream, _ = listener.accept()
        with stream:
            while head := receive_all(stream, 2):
                query = receive_all(stream, *struct.unpack("!H", head))
                for each in answers(query, True):
                    stream.sendall(struct.pack("!H", len(each)) + each)


log = open(sys.argv[1], "w")
bring_up_loopback()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 53))
listener = socket.create_server(("127.0.0.1", 53))
threading.Thread(target=serve_tcp, args=(listener,), daemon=True).start()
print("ready", flush=True)
serve_udp(udp)
