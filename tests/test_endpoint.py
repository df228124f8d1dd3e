"""The endpoint: how long a server is waited for, what it is asked, and that nothing else is asked or told."""
from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

import support

from base.errors import FOUND, UserError
from measure import endpoint, stream_reader
from measure.connection import TimeLimits
from measure.endpoint import Endpoint
from measure.server_address import ServerAddress, find_target
from support import chunk, closed_port, head, listener, whole

KEY = "key-0123456789"
QUICK = TimeLimits(2.0, 0.2, 0.2)
ASK = """
import sys
sys.path.insert(0, sys.argv[1])
from measure.endpoint import Endpoint
from measure.server_address import find_target
print(Endpoint(find_target(sys.argv[2], {})).version())
"""


def at(server: object, prefix: str = "", limits: TimeLimits = QUICK, key: str | None = KEY) -> Endpoint:
    return Endpoint(ServerAddress("http", "127.0.0.1", server.port, prefix), limits, key)


def said(value: object, status: int = 200) -> bytes:
    return whole(json.dumps(value).encode("ascii"), status)


def stream(*lines: object) -> bytes:
    """A chunked answer, one HTTP chunk for each line of JSON, and its end."""
    return head() + b"".join(chunk(json.dumps(line).encode("ascii") + b"\n") for line in lines) + chunk(b"")


class Sent(unittest.TestCase):
    def test_a_request_is_what_the_api_wants_under_the_prefix(self):
        with listener(said({"version": "1"})) as server:
            at(server, "/own").ask("/api/show", {"model": "\u00e9"})
            at(server, key=None).ask("/api/version")
        first, body = server.requests[0].split(b"\r\n\r\n")
        lines = first.decode("ascii").split("\r\n")
        self.assertEqual(lines[0], "POST /own/api/show HTTP/1.1")
        self.assertEqual(json.loads(body), {"model": "\u00e9"})
        for field in (f"Host: 127.0.0.1:{server.port}", f"Content-Length: {len(body)}", f"Authorization: Bearer {KEY}",
                      "Content-Type: application/json", "Connection: close"):
            self.assertIn(field.lower(), [line.lower() for line in lines])
        self.assertTrue(server.requests[1].startswith(b"GET /api/version HTTP/1.1\r\n"))
        for word in (b"authorization", b"origin", b"cookie", b"bearer"):
            self.assertNotIn(word, server.requests[1].lower())

    def test_each_request_is_sent_once(self):
        for answer in (lambda connection, request: None, lambda connection, request: support.reset(connection),
                       lambda connection, request: connection.sendall(whole(b"", 503))):
            with listener(answer) as server:
                with contextlib.suppress(UserError):
                    at(server).ask("/api/version")
                self.assertEqual(len(server.requests), 1)

    def test_a_proxy_in_the_environment_is_not_used(self):
        """urllib sends even 127.0.0.1 through http_proxy; a benchmark must not."""
        with listener(said({"version": "proxy"})) as proxy, listener(said({"version": "direct"})) as server:
            names = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
            environment = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
            environment.update({name: proxy.url for name in names})
            done = subprocess.run([*support.PYTHON, "-c", ASK, str(support.HARNESS), server.url], env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
            self.assertEqual(done.stdout.decode().strip(), "direct")
            self.assertEqual(proxy.requests, [])

    def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(self):
        with listener(said({"version": "other"})) as other:
            for status in (301, 302, 303, 307, 308):
                moved = head(status, framing=f"Location: {other.url}/api/version\r\nContent-Length: 0")
                with self.subTest(status), listener(moved) as server:
                    with self.assertRaisesRegex(UserError, f"redirects to {other.url} .HTTP {status}"):
                        at(server).version()
                    self.assertFalse(at(server).is_alive())
            self.assertEqual(other.requests, [])


class InFront(unittest.TestCase):
    """What a proxy says in place of Ollama is explained, without paths, queries and secrets."""

    def version_error(self, answer: bytes, prefix: str = "") -> str:
        with listener(answer) as server, self.assertRaises(UserError) as caught:
            at(server, prefix).version()
        return str(caught.exception)

    def test_a_proxy_is_told_by_what_it_wants(self):
        page = b"<!DOCTYPE html>\r\n<html><head><title>\n 502 Bad\tGateway </title></head></html>"
        basic = head(401, framing='WWW-Authenticate: Basic realm="x"\r\nContent-Length: 0')
        moved = head(301, framing="Location: https://ana:pw@llm.example.com/login?token=abc\r\nContent-Length: 0")
        for why, answer, prefix, words in (
                ("a page", whole(page, 502, "text/html"), "", ["HTTP 502", "'502 Bad Gateway'", "behind the proxy"]),
                ("a login page", whole(b"<html><title>Sign in</title>", 200, "text/html"), "", ["'Sign in'", "log in"]),
                ("a page without a title", whole(b" <HTML><p>x", 200, "text/html"), "", ["an HTML page;"]),
                ("a redirect", moved, "", ["redirects to https://llm.example.com (HTTP 301)", "--target-url"]),
                ("a redirect on the same host", head(302, framing="Location: /login\r\nContent-Length: 0"), "", ["another path"]),
                ("basic authentication", basic, "", ["user name and password", "OLLAMA_HOST to http://USER:PASSWORD@"]),
                ("a proxy's own", whole(b"", 407), "", ["a proxy asks"]),
                ("compression", head(framing="Content-Encoding: gzip\r\nContent-Length: 3") + b"\x1f\x8b\x08", "", ["compressed (gzip)"]),
                ("the OpenAI address", whole(b"404 page not found", 404), "/v1", ["leave /v1 out"])):
            with self.subTest(why):
                error = self.version_error(answer, prefix)
                for word in words:
                    self.assertIn(word, error)
                for secret in ("token", "ana", "pw@", KEY):
                    self.assertNotIn(secret, error)

    def test_a_list_that_needs_a_key_says_so(self):
        with listener(said({"error": "unauthorized"}, 401)) as server:
            with self.assertRaisesRegex(UserError, "refuses .HTTP 401 for /api/tags.*OLLAMA_API_KEY"):
                at(server).models()

    def test_a_password_of_the_address_is_sent_to_it_and_shown_nowhere(self):
        def answer(connection, request):
            connection.sendall(said({"error": "YW5hOnMzY3JldA== and s3cret are wrong"}, 500))
        with listener(answer) as server:
            address = find_target(None, {"OLLAMA_HOST": f"http://ana:s3%63ret@127.0.0.1:{server.port}"})
            with self.assertRaises(UserError) as caught:
                Endpoint(address, QUICK, KEY).models()
            again = find_target(server.url, {"OLLAMA_HOST": f"http://ana:s3cret@127.0.0.1:{server.port}"})
            self.assertEqual(again.credentials, "ana:s3cret")
            self.assertEqual(find_target("http://127.0.0.1:9", {"OLLAMA_HOST": server.url}).credentials, "")
        self.assertIn(b"Authorization: Basic YW5hOnMzY3JldA==\r\n", server.requests[0])
        self.assertNotIn(KEY.encode(), server.requests[0])
        for text in (str(caught.exception), repr(address), address.url, address.public):
            for secret in ("s3cret", "YW5hOnMzY3JldA", "ana:"):
                self.assertNotIn(secret, text)


class Key(unittest.TestCase):
    def test_the_key_is_in_no_error_whatever_the_server_does(self):
        echo = said({"error": f"the key {KEY} is wrong"}, 500)
        for answer in (echo, said({"error": f"bad Bearer {KEY}"}, 401), whole(KEY.encode(), 200), b"SSH-2.0 hello\r\n\r\n",
                       stream({"error": f"the key {KEY} is wrong"}), b""):
            with self.subTest(answer[:60]), listener(answer) as server:
                here, told = at(server), []
                for act in (here.version, here.models, here.loaded, lambda: here.show("m"), lambda: here.unload("m"),
                            lambda: here.pull("m", lambda *_: None)):
                    try:
                        act()
                    except UserError as problem:
                        told.append(str(problem))
                self.assertGreaterEqual(len(told), 5)
                self.assertNotIn(KEY, "".join(told))
                self.assertTrue(all(KEY.encode() in request for request in server.requests))

    def test_a_key_that_cannot_be_sent_is_told_without_it(self):
        for key in (f"{KEY}\r\nX: y", f"a\n{KEY}", f"{KEY}\u20ac", f"{KEY}\x00x"):
            with self.subTest(ascii(key)), self.assertRaises(UserError) as caught:
                Endpoint(ServerAddress("http", "127.0.0.1", 1), api_key=key)
            self.assertIn("OLLAMA_API_KEY", str(caught.exception))
            self.assertNotIn(KEY, str(caught.exception))

    def test_blanks_and_line_ends_around_a_key_do_not_belong_to_it(self):
        with listener(said({"version": "1"})) as server:
            for key in (f"{KEY}\r\n", f" {KEY} ", f"{KEY}\n"):
                self.assertEqual(at(server, key=key).version(), "1")
            self.assertEqual(at(server, key="  ").version(), "1")
        self.assertEqual([f"Authorization: Bearer {KEY}\r\n".encode() in request for request in server.requests],
                         [True, True, True, False])


class Limit(unittest.TestCase):
    def test_limits_for_connecting_the_first_byte_and_silence_are_three(self):
        def mute(connection, request):
            server.over.wait(10)

        def stops(connection, request):
            connection.sendall(head() + chunk(b'{"models":'))
            server.over.wait(10)
        for why, answer, limits, low, high in (
                ("first byte", mute, TimeLimits(5, 0.2, 5), 0.18, 3), ("silence", stops, TimeLimits(5, 5, 0.2), 0.18, 3)):
            with self.subTest(why), listener(answer) as server:
                began = time.perf_counter()
                with self.assertRaisesRegex(UserError, "no answer in time"):
                    at(server).ask("/api/tags", limits=limits)
                self.assertTrue(low < time.perf_counter() - began < high)

    @unittest.skipUnless(sys.platform == "linux", "only Linux lets a connection wait for room in a full backlog")
    def test_a_server_that_takes_no_connection_is_left_after_the_connect_limit(self):
        with contextlib.ExitStack() as open_ones:
            full = open_ones.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            for _ in range(4):
                waiting = open_ones.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            began = time.perf_counter()
            with self.assertRaisesRegex(UserError, "no answer in time"):
                Endpoint(ServerAddress("http", *full.getsockname())).ask("/", limits=TimeLimits(0.3, 20, 20))
            self.assertTrue(0.28 < time.perf_counter() - began < 5)

    def test_an_answer_may_be_as_slow_as_its_own_limit_allows(self):
        def slow(connection, request):
            time.sleep(0.3)
            connection.sendall(head())
            for part in (b'{"ver', b'sion":', b'"1"}'):
                time.sleep(0.1)
                connection.sendall(chunk(part))
            connection.sendall(chunk(b""))
        with listener(slow) as server:
            self.assertEqual(at(server).ask("/", limits=TimeLimits(0.2, 5, 0.3))[1], {"version": "1"})

    def test_an_answer_without_end_is_refused(self):
        def endless(connection, request):
            connection.sendall(head())
            while True:
                connection.sendall(chunk(b"x" * 60000))
        with listener(endless) as server, mock.patch.object(stream_reader, "MAX_BYTES", 10 ** 6):
            for act in (at(server).version, lambda: at(server).pull("m", lambda *_: None)):
                with self.assertRaisesRegex(UserError, "without an end"):
                    act()


class WrongServer(unittest.TestCase):
    def test_nothing_there(self):
        here = Endpoint(ServerAddress("http", "127.0.0.1", closed_port()))
        with self.assertRaises(UserError) as caught:
            here.version()
        self.assertRegex(str(caught.exception), "nothing listens there; start Ollama with `ollama serve`")
        self.assertEqual(caught.exception.exit_code, FOUND)
        self.assertFalse(here.is_alive())

    def test_http_that_is_not_ollama(self):
        for answer in (whole(b"hello"), whole(b"<html>", kind="text/html"), said([]), said({}), said({"version": 5}),
                       said({"version": None}), whole(b""), whole(b"nothing here", 404), said({"error": "no"}, 500),
                       whole(b"[" * 100000), whole(b"1" * 5000), whole(b"\xff\xfe"), head() + chunk(b"")):
            with self.subTest(answer[-40:]), listener(answer) as server:
                with self.assertRaisesRegex(UserError, "the server at this address is not Ollama"):
                    at(server).version()

    def test_a_server_that_wants_a_key_is_told_apart(self):
        for status in (401, 403):
            with self.subTest(status), listener(whole(b"", status)) as server:
                with self.assertRaisesRegex(UserError, f"the server refuses .HTTP {status}.*OLLAMA_API_KEY"):
                    at(server).version()

    def test_bytes_that_are_no_http(self):
        for answer in (b"SSH-2.0-OpenSSH_9.6\r\n", b"\x00\x01\x02", b"220 mail ready\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\n" * 9,
                       b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000,
                       head() + b"zz\r\n", head() + b"-5\r\nabc", head() + b"5\r\nab", b""):
            with self.subTest(answer[:30]), listener(answer) as server:
                with self.assertRaisesRegex(UserError, "no usable answer"):
                    at(server).version()
                self.assertFalse(at(server).is_alive())


class Api(unittest.TestCase):
    def test_the_version_and_being_alive(self):
        with listener(said({"version": "0.33.0"})) as server:
            self.assertEqual(at(server).version(), "0.33.0")
            self.assertTrue(at(server).is_alive())

    def test_lists_hold_objects_and_an_error_is_told(self):
        with listener(said({"models": [{"name": "a"}, 5, None, {"name": "b"}]})) as server:
            self.assertEqual([row["name"] for row in at(server).models()], ["a", "b"])
            self.assertEqual(len(at(server).loaded()), 2)
        with listener(said({"models": None})) as server:
            self.assertEqual(at(server).models(), [])
        for answer, word in ((said({"error": "out of luck"}, 500), "HTTP 500 'out of luck'"), (said({"models": 5}), "200"),
                             (said([]), "HTTP 200"), (whole(b"oops", 502), "HTTP 502 'oops'")):
            with self.subTest(word), listener(answer) as server:
                with self.assertRaisesRegex(UserError, f"/api/tags answers .*{word}"):
                    at(server).models()

    def test_a_model_is_shown_or_unknown(self):
        with listener(said({"details": {}})) as server:
            self.assertEqual(at(server).show("m"), {"details": {}})
            self.assertTrue(server.requests[0].endswith(b'{"model": "m"}'))
        with listener(said({"error": "model 'm:latest' not found"}, 404)) as server:
            self.assertIsNone(at(server).show("m"))
        with listener(said({"error": "odd"}, 500)) as server:
            with self.assertRaisesRegex(UserError, "/api/show answers HTTP 500 'odd'"):
                at(server).show("m")

    def test_only_the_status_success_is_a_success_of_a_pull(self):
        told: list = []
        good = [{"status": "pulling manifest"}, {"status": "pulling 1f", "total": 100}, {"status": "success"},
                {"status": "pulling 1f", "total": 100, "completed": 60}]
        with listener(stream(good[0], good[1], good[3], good[2])) as server:
            at(server).pull("m", lambda *words: told.append(words))
            self.assertEqual(json.loads(server.requests[0].split(b"\r\n\r\n")[1]), {"model": "m", "stream": True})
        self.assertEqual(told, [("pulling manifest", 0, 0), ("pulling 1f", 0, 100), ("pulling 1f", 60, 100), ("success", 0, 0)])
        for answer, word in (
                (stream(good[0], {"error": "pull model manifest: file does not exist"}), "file does not exist"),
                (stream(good[0], good[1]), "the download ended early"),
                (stream(good[0], good[2], good[1]), "the download ended early"),
                (stream({"error": "first"}, good[2]), "first"), (stream(), "the download ended early"),
                (head() + chunk(b"oops\n") + chunk(b""), "the download ended early"),
                (head() + chunk(b'{"status":"succ'), "no usable answer"), (said({"error": "no room"}, 500), "no room"),
                (whole(b"404 page not found", 404), "the download ended early"), (said({"status": "success"}), None)):
            with self.subTest(str(word)), listener(answer) as server:
                if word is None:
                    at(server).pull("m", lambda *_: None)
                    continue
                with self.assertRaises(UserError) as caught:
                    at(server).pull("m", lambda *_: None)
                self.assertIn(word, str(caught.exception))

    def test_a_download_may_be_silent_while_it_is_checked(self):
        def checks(connection, request):
            connection.sendall(head() + chunk(b'{"status":"verifying sha256 digest"}\n'))
            time.sleep(0.4)
            connection.sendall(chunk(b'{"status":"success"}\n') + chunk(b""))
        with listener(checks) as server:
            at(server, limits=TimeLimits(2, 5, 0.1)).pull("m", lambda *_: None)

    def test_unloading_waits_until_the_model_is_gone(self):
        shown = [{"models": [{"name": "M:latest"}, {"name": "other:latest"}]}] * 3 + [{"models": [{"name": "other:latest"}]}]

        def answer(connection, request):
            value = {"done": True} if request.startswith(b"POST") else shown[min(3, len(server.requests) - 2)]
            connection.sendall(said(value))
        slept: list = []
        with listener(answer) as server:
            self.assertTrue(at(server).unload("m", slept.append))
            self.assertEqual(len(slept), 3)
            self.assertEqual(json.loads(server.requests[0].split(b"\r\n\r\n")[1]), {"model": "m", "keep_alive": 0})
            self.assertEqual([request.split()[1] for request in server.requests], [b"/api/generate"] + [b"/api/ps"] * 4)

    def test_unloading_gives_up_after_a_while(self):
        slept: list = []
        with listener(said({"models": [{"name": "m:latest"}, {"name": None}]})) as server:
            with mock.patch.object(endpoint, "UNLOAD_WAIT_S", 1):
                self.assertFalse(at(server).unload("m", slept.append))
        self.assertAlmostEqual(sum(slept), 1)

    def test_the_human_part_of_an_error_body(self):
        inner = {"error": {"code": 400, "message": "request (1282 tokens) exceeds", "type": "exceed_context_size_error"}}
        for text, human in (('{"error":"out of luck"}', "out of luck"), (json.dumps({"error": json.dumps(inner)}),
                            "request (1282 tokens) exceeds"), ('{"error":{"message":"deep"}}', "deep"),
                            ('{"message":"other"}', "other"), ("plain words\n", "plain words"), ("", ""), ("[]", "[]"),
                            ('{"error":5}', '{"error":5}'), ('{"error":null}', '{"error":null}'), ("[" * 99999, "[" * 500),
                            ("x" * 600, "x" * 500)):
            with self.subTest(text[:30]):
                self.assertEqual(endpoint.error_text(text), human)


class Tls(unittest.TestCase):
    def test_an_https_address_is_spoken_to_in_tls_within_the_connect_limit(self):
        with listener(b"") as server:
            here = Endpoint(ServerAddress("https", "127.0.0.1", server.port), TimeLimits(0.3, 20, 20), KEY)
            with self.assertRaisesRegex(UserError, "no answer in time"):
                here.ask("/api/version", limits=TimeLimits(0.3, 20, 20))
        self.assertEqual(server.requests[0][:2], b"\x16\x03")     # a TLS handshake, and nothing of the request
        self.assertNotIn(KEY.encode(), server.requests[0])

    @unittest.skipUnless(shutil.which("openssl"), "needs openssl to make a certificate")
    def test_an_answer_comes_through_tls_and_only_from_whom_the_certificate_names(self):
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "certificate.pem")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            with listener(said({"version": "secure"}), context) as server:
                with mock.patch.dict(os.environ, {"SSL_CERT_FILE": certificate}):
                    named = Endpoint(ServerAddress("https", "localhost", server.port), TimeLimits(5, 5, 5), KEY)
                    self.assertEqual(named.version(), "secure")
                    with self.assertRaisesRegex(UserError, "CERTIFICATE_VERIFY_FAILED"):
                        Endpoint(ServerAddress("https", "127.0.0.1", server.port), TimeLimits(5, 5, 5), KEY).version()
                with self.assertRaisesRegex(UserError, "CERTIFICATE_VERIFY_FAILED"):
                    named.version()
            self.assertEqual(len([request for request in server.requests if request]), 1)


if __name__ == "__main__":
    unittest.main()
