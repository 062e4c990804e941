# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""usage: tls_peer.py MODE ARGUMENT...

A peer for the TLS examples. Clients, which fail with a traceback if the server misbehaves:

    half_close PORT CA       sends data and close_notify before it reads the echo
    truncate PORT CA         ends connections without close_notify, at different bytes
    resume PORT CA           resumes sessions
    deaf PORT CA             sends and never reads; prints "full" when no more fits, and waits
    hostile PORT             sends bytes that are not TLS, and incomplete handshakes
    farewell PORT CA         prints "ready", waits for the server's end, and expects close_notify

Servers, which print "listening on ADDRESS":

    early_goodbye CHAIN KEY  sends "bye" and close_notify first, then prints what it receives
    talk_first CHAIN KEY     sends 8 MB and close_notify before it reads, then prints the SHA-256 of what it receives
    cut SIZES CHAIN KEY      for each size in the list, accepts a connection, sends "first" and that number of
                             bytes of another record, and ends the connection
    http CHAIN KEY           serves the current folder with http.server
    raw_http CHAIN KEY       sends the responses in RESPONSES
"""

import hashlib
import http.server
import os
import socket
import ssl
import sys
import threading
import time

LIMIT = 20  # seconds
BIG = bytes(range(256)) * 1200
RESPONSES = {
    "/length": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nlength",
    "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3\r\nchu\r\n4;extension=1\r\nnked\r\n0\r\nTrailer: 1\r\n\r\n",
    "/until_close": b"HTTP/1.1 200 OK\r\n\r\nuntil close",
    "/continue": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                 b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal",
    "/empty": b"HTTP/1.1 204 No Content\r\n\r\n",
    "/query?a=b": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nquery",
    "/moved": b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://example.org/\r\n"
              b"Content-Length: 4\r\n\r\ngone",
    "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
    "/short_chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "/no_last_chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    "/bad_chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nab\r\n",
    "/two_lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nlength",
    "/not_http": b"SSH-2.0-OpenSSH\r\n",
    "/no_head": b"HTTP/1.1 200 OK\r\nContent-",
}


class Connection:
    """TLS over memory buffers, to have every byte of the ciphertext in hand."""

    def __init__(self, plain, context, **kind):
        self.plain = plain
        plain.settimeout(LIMIT)
        self.input, self.output = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.input, self.output, **kind)

    def step(self, call):
        """Calls until TLS needs no more input."""
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                self.flush()
                received = self.plain.recv(65536)
                if received:
                    self.input.write(received)
                else:
                    self.input.write_eof()
            finally:
                self.flush()

    def flush(self):
        if self.output.pending:
            self.plain.sendall(self.output.read())

    def records(self, data):
        """Encrypts data without sending it."""
        self.tls.write(data)
        return self.output.read()

    def goodbye(self):
        """Queues close_notify, and does not wait for the peer's."""
        held = self.input.read()  # unwrap() fails if data of the peer has arrived
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.input.write(held)

    def read_all(self):
        """Returns all data until the peer's close_notify."""
        data = bytearray()
        while True:
            try:
                part = self.step(lambda: self.tls.read(65536))
            except ssl.SSLZeroReturnError:
                return data
            if not part:
                return data
            data += part


def client_context(authority):
    return ssl.create_default_context(cafile=authority)


def server_context(chain, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


def connect(port, authority):
    plain = socket.create_connection(("127.0.0.1", int(port)), LIMIT)
    made = Connection(plain, client_context(authority), server_hostname="localhost")
    made.step(made.tls.do_handshake)
    return made


def half_close(port, authority):
    made = connect(port, authority)
    made.tls.write(BIG)
    made.goodbye()
    sender = threading.Thread(target=made.flush)  # the server echoes before it has received everything
    sender.start()
    echo = b""
    while len(echo) < len(BIG):
        try:
            echo += made.tls.read(65536)
        except ssl.SSLWantReadError:
            received = made.plain.recv(65536)
            assert received, f"the connection ended after {len(echo)} bytes"
            made.input.write(received)
    sender.join()
    assert echo == BIG
    assert made.read_all() == b""
    assert made.plain.recv(1) == b""


def truncate(port, authority):
    made = connect(port, authority)
    size = len(made.records(b"second"))
    made.plain.shutdown(socket.SHUT_WR)
    ends(made.plain)
    for end in 0, 1, 4, 5, 6, size - 1, size:
        made = connect(port, authority)
        made.plain.sendall(made.records(b"first") + made.records(b"second")[:end])
        made.plain.shutdown(socket.SHUT_WR)
        expected = b"firstsecond" if end == size else b"first"
        echo = made.read_all()
        assert echo == expected, f"after {end} bytes: {echo}"
        print(end)


def resume(port, authority):
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        context = client_context(authority)
        context.minimum_version = context.maximum_version = version
        session = None
        for number in range(3):
            plain = socket.create_connection(("127.0.0.1", int(port)), LIMIT)
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as made:
                assert made.session_reused == (number > 0), f"{version}, connection {number}"
                made.sendall(b"hello")
                assert made.recv(5) == b"hello"
                session = made.session
                if number > 0:
                    made.unwrap()  # the first connection ends without close_notify


def deaf(port, authority):
    made = connect(port, authority)
    data = made.records(bytes(16000))
    made.plain.settimeout(1)
    try:
        while True:
            made.plain.sendall(data)
            data = made.records(bytes(16000))
    except socket.timeout:
        print("full", flush=True)
    time.sleep(LIMIT)


def farewell(port, authority):
    made = connect(port, authority)
    made.tls.write(b"hello")
    made.flush()
    assert made.step(lambda: made.tls.read(5)) == b"hello"
    print("ready", flush=True)
    assert made.read_all() == b""
    assert made.plain.recv(1) == b""


def hello():
    made = Connection(socket.socket(), ssl.create_default_context(), server_hostname="localhost")
    try:
        made.tls.do_handshake()
    except ssl.SSLWantReadError:
        return made.output.read()


def ends(plain):
    """Reads until the server closes the connection."""
    plain.settimeout(LIMIT)
    try:
        while plain.recv(65536):
            pass
    except ConnectionResetError:
        pass
    plain.close()


def hostile(port):
    def opened(data):
        plain = socket.create_connection(("127.0.0.1", int(port)), LIMIT)
        plain.sendall(data)
        return plain

    first = hello()
    for data in (
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\xff\xff" + bytes(0xffff),  # a record of more than the maximum
        b"\x17\x03\x03\x00\x05hello",  # data before the handshake
        b"\x15\x03\x03\x00\x02\x01\x00",  # close_notify instead of a handshake
        b"\x15\x03\x03\x00\x02\x02\x28" * 100,  # alerts
        first[:5] + bytes(len(first) - 5),
    ):
        ends(opened(data))
    for number in range(20):
        ends(opened(os.urandom(1000)))
    for size in 0, 1, 5, 6, len(first) // 2, len(first) - 1, len(first):
        opened(first[:size]).close()
    # Half a ClientHello and silence: the server ends the handshake at its limit.
    silent = [opened(first[:len(first) // 2]) for number in range(200)]
    for each in silent:
        ends(each)


def listen():
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    return listener


def accept(listener, context):
    made = Connection(listener.accept()[0], context, server_side=True)
    made.step(made.tls.do_handshake)
    return made


def early_goodbye(chain, key):
    made = accept(listen(), server_context(chain, key))
    made.tls.write(b"bye\n")
    made.goodbye()
    made.flush()
    print(made.read_all().decode(), end="", flush=True)
    made.plain.close()


def talk_first(chain, key):
    made = accept(listen(), server_context(chain, key))
    made.tls.write(bytes(8 << 20))
    made.goodbye()
    made.flush()
    print(hashlib.sha256(made.read_all()).hexdigest(), flush=True)
    ends(made.plain)


def cut(sizes, chain, key):
    listener, context = listen(), server_context(chain, key)
    for size in sizes.split(","):
        made = accept(listener, context)
        made.plain.sendall(made.records(b"first\n") + made.records(b"second\n")[:int(size)])
        made.plain.shutdown(socket.SHUT_WR)
        ends(made.plain)


def serve_folder(chain, key):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    server.socket = server_context(chain, key).wrap_socket(server.socket, server_side=True)
    print(f"listening on 127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


def serve_responses(chain, key):
    listener, context = listen(), server_context(chain, key)
    context.set_alpn_protocols(["http/1.1"])
    while True:
        try:
            made = accept(listener, context)
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += made.step(lambda: made.tls.read(65536))
            lines = request.decode().split("\r\n")
            assert made.tls.selected_alpn_protocol() == "http/1.1"
            assert "Connection: close" in lines and any(line.startswith("Host: localhost:") for line in lines)
            method, path, version = lines[0].split(" ")
            assert (method, version) == ("GET", "HTTP/1.1")
            name = path.removesuffix("/cut")
            made.tls.write(RESPONSES[name])
            if name == path:  # a path that ends with /cut gets no close_notify
                made.goodbye()
            made.flush()
            made.plain.shutdown(socket.SHUT_WR)
            ends(made.plain)
        except OSError as error:  # the client has refused the certificate, or has gone
            print(error, file=sys.stderr, flush=True)


CLIENTS = half_close, truncate, resume, deaf, farewell, hostile
MODES = {each.__name__: each for each in CLIENTS + (early_goodbye, talk_first, cut)}
MODES.update(http=serve_folder, raw_http=serve_responses)
MODES[sys.argv[1]](*sys.argv[2:])
