"""The stream reader: one thread stamps what every stream sends, whatever way servers end their responses."""
from __future__ import annotations

import os
import selectors
import shutil
import ssl
import subprocess
import tempfile
import time
import unittest
from typing import Callable
from unittest import mock

import support

from measure import stream_reader
from measure.connection import Connection, TimeLimits
from measure.server_address import ServerAddress
from support import chunk, head, listener, whole

PATIENT = TimeLimits(5, 30, 30)
SOON_S = 3.0


def connection(port: int, limits: TimeLimits = PATIENT, body: bytes = b"{}") -> Connection:
    return Connection(ServerAddress("http", "127.0.0.1", port), "/api/chat", body, {}, limits, time.perf_counter_ns)


def exchange(connections: list, **more: object) -> list:
    return stream_reader.exchange(connections, time.perf_counter_ns, **more)


def body_of(stream: stream_reader.Stream) -> bytes:
    return b"".join(data for _, data in stream.body)


def kept_open(*parts: bytes, pause_s: float = 0.0):
    """An answer in parts by a server that then keeps the connection open."""
    def answer(sock, request):
        for part in parts:
            sock.sendall(part)
            time.sleep(pause_s)
        sock.settimeout(20)
        sock.recv(1)
    return answer


class Ends(unittest.TestCase):
    def test_a_response_is_over_although_the_server_keeps_the_connection_open(self):
        for why, answer in (
                ("the last chunk", kept_open(head() + chunk(b"one\n"), chunk(b""))),
                ("the last chunk in two pieces", kept_open(head() + chunk(b"one\n") + b"0\r", b"\n\r\n", pause_s=0.02)),
                ("trailers", kept_open(head() + chunk(b"one\n") + b"0\r\nX: y\r\n\r\n")),
                ("a length", kept_open(whole(b"one\n"))), ("a length in pieces", kept_open(whole(b"one\n")[:-2], b"e\n", pause_s=0.02)),
                ("no body", kept_open(b"HTTP/1.1 204 None\r\n\r\n"))):
            with self.subTest(why), listener(answer) as server:
                began = time.perf_counter()
                stream, = exchange([connection(server.port)])
                self.assertEqual((stream.ending, body_of(stream)), ("end", b"" if why == "no body" else b"one\n"))
                self.assertLess(time.perf_counter() - began, SOON_S)

    def test_text_that_looks_like_the_last_chunk_does_not_end_a_stream(self):
        text = b'{"response":"0\r\n\r\n'
        with listener(kept_open(head() + b"%x\r\n%s" % (len(text) + 2, text), b'"}\r\n', chunk(b"more") + chunk(b""),
                                pause_s=0.05)) as server:
            stream, = exchange([connection(server.port)])
        self.assertEqual((stream.ending, body_of(stream)), ("end", text + b'"}more'))

    def test_the_end_has_the_stamp_of_the_piece_that_completed_the_response(self):
        with listener(kept_open(whole(b"one\n"))) as server:
            stream, = exchange([connection(server.port)])
        self.assertEqual(stream.ended_ns, stream.body[-1][0])
        self.assertEqual(stream.ended_ns, stream.headers_ns)

    def test_headers_are_there_when_the_last_of_them_is(self):
        sent = []

        def answer(sock, request):
            for part in (head()[:9], head()[9:], chunk(b"one\n") + chunk(b"")):
                sent.append(time.perf_counter_ns())
                sock.sendall(part)
                time.sleep(0.05)
        with listener(answer) as server:
            stream, = exchange([connection(server.port)])
        self.assertGreater(stream.headers_ns, sent[1])
        self.assertGreater(stream.body[0][0], sent[2])

    def test_a_stream_that_never_ends_is_left_at_a_limit(self):
        def endless(sock, request):
            sock.sendall(head())
            while True:
                sock.sendall(chunk(b"x" * 60000))
        with listener(endless) as server, mock.patch.object(stream_reader, "MAX_BYTES", 10 ** 6):
            stream, = exchange([connection(server.port)])
        self.assertEqual((stream.ending, stream.error), ("broken", "a response without an end"))

    def test_a_quiet_stream_meets_its_limit_while_the_others_go_on(self):
        def answer(sock, request):
            if request.endswith(b"quiet"):
                return kept_open(head() + chunk(b"one\n"))(sock, request)
            sock.sendall(head())
            for _ in range(80):
                sock.sendall(chunk(b"one\n"))
                time.sleep(0.01)
            sock.sendall(chunk(b""))
        with listener(answer) as server:
            quiet, busy = exchange([connection(server.port, TimeLimits(5, 30, 0.2), b"quiet"), connection(server.port)])
        self.assertEqual((quiet.ending, busy.ending), ("silence", "end"))
        self.assertLess(quiet.ended_ns, busy.ended_ns)

    def test_a_server_that_lets_a_connection_time_out_is_not_asked_again(self):
        tried = []

        def connect(self) -> None:
            tried.append(self)
            raise stream_reader.Timeout
        with mock.patch.object(Connection, "connect", connect):
            streams = exchange([connection(9) for _ in range(4)])
        self.assertEqual(([stream.ending for stream in streams], len(tried)), (["unreachable"] * 4, 1))

    def test_a_request_that_cannot_be_sent_is_broken(self):
        with listener(whole(b"one\n")) as server:
            here = connection(server.port)
            with mock.patch.object(Connection, "send", mock.Mock(side_effect=BrokenPipeError("broken pipe"))):
                stream, = exchange([here])
        self.assertEqual((stream.ending, stream.error), ("broken", "broken pipe"))


class Reading(unittest.TestCase):
    def test_the_clock_is_read_right_after_each_read(self):
        seen = []

        class Clock:
            def __call__(self) -> int:
                seen.append("clock")
                return time.perf_counter_ns()

        def receive(size: int) -> bytes:
            seen.append("read")
            return real(size)
        with listener(kept_open(head() + chunk(b"a\n"), chunk(b"b\n"), chunk(b""), pause_s=0.03)) as server:
            here = connection(server.port)
            here.connect()
            real, here.receive = here.receive, receive
            with mock.patch.object(Connection, "connect", lambda self: None):
                stream, = stream_reader.exchange([here], Clock())
        self.assertEqual(body_of(stream), b"a\nb\n")
        self.assertEqual({seen[n + 1] for n, word in enumerate(seen) if word == "read"}, {"clock"})

    def test_nothing_is_parsed_before_the_last_stream_seems_over(self):
        parsed = []

        class Parser(stream_reader.ResponseParser):
            def feed(self, data: bytes) -> bytes:
                parsed.append(time.perf_counter_ns())
                return super().feed(data)

        def answer(sock, request):
            sock.sendall(head())
            for _ in range(20 if request.endswith(b"long") else 2):
                sock.sendall(chunk(b"one\n"))
                time.sleep(0.01)
            sock.sendall(chunk(b""))
        with listener(answer) as server, mock.patch.object(stream_reader, "TICK_NS", 10 ** 10), \
                mock.patch.object(stream_reader, "ResponseParser", Parser):
            streams = [stream_reader.Stream(connection(server.port, body=body), parser=Parser()) for body in (b"long", b"short")]
            with mock.patch.object(stream_reader, "Stream", mock.Mock(side_effect=streams)):
                exchange([stream.connection for stream in streams])
        self.assertEqual([body_of(stream) for stream in streams], [b"one\n" * 20, b"one\n" * 2])
        self.assertGreater(min(parsed), max(stream.body[-1][0] for stream in streams))

    def test_what_windows_has_will_do(self):
        with mock.patch.object(selectors, "DefaultSelector", selectors.SelectSelector), \
                listener(head() + chunk(b"one\n") + chunk(b"")) as server:
            streams = exchange([connection(server.port) for _ in range(20)])
        self.assertEqual([(stream.ending, body_of(stream)) for stream in streams], [("end", b"one\n")] * 20)

    def test_a_stop_ends_every_stream_between_two_ticks(self):
        pieces = []

        def noted(receive: Callable[[int], bytes]) -> Callable[[int], bytes]:
            return lambda size: pieces.append(receive(size)) or pieces[-1]
        with listener(kept_open(head() + chunk(b"one\n"))) as server:
            connections = [connection(server.port) for _ in range(3)]
            for here in connections:
                here.connect()
                here.receive = noted(here.receive)
            began = time.perf_counter()
            with mock.patch.object(Connection, "connect", lambda self: None):
                streams = exchange(connections, is_stopped=lambda: b"".join(pieces).count(b"one\n") == 3)
            self.assertLess(time.perf_counter() - began, SOON_S)
        self.assertEqual([(stream.ending, body_of(stream)) for stream in streams], [("aborted", b"one\n")] * 3)

    @unittest.skipUnless(shutil.which("openssl"), "needs openssl to make a certificate")
    def test_what_tls_has_decrypted_already_is_read_without_waiting_for_the_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "certificate.pem")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            text = b"x" * 16000 + b"\n"     # in one TLS record; smaller reads leave a part of it decrypted
            with listener(kept_open(head() + chunk(text) + chunk(b"")), context) as server, \
                    mock.patch.dict(os.environ, {"SSL_CERT_FILE": certificate}), mock.patch.object(stream_reader, "READ_BYTES", 500):
                here = Connection(ServerAddress("https", "localhost", server.port), "/", b"{}", {}, PATIENT, time.perf_counter_ns)
                stream, = exchange([here])
        self.assertEqual((stream.ending, body_of(stream)), ("end", text))
        self.assertLess(stream.body[-1][0] - stream.body[0][0], 1e9)


if __name__ == "__main__":
    unittest.main()
