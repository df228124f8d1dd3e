"""The endpoint: the only socket client. It speaks to one Ollama server and stamps what it hears.

It sends no request twice, follows no redirect, uses no proxy and keeps no connection: each call pays for its own, and
the clock of a call starts once that is made. The API key is sent and never kept anywhere else.
"""
from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Callable

from base import names
from base.errors import FOUND, UserError
from measure.server_address import ServerAddress

READ_BYTES = 65536
MAX_BODY_BYTES = 64 * 1024 * 1024   # /api/show of a large model is a few MB; more is not Ollama
SMALL_S = 60.0                      # for answers that need no model; a machine that swaps is slow even with these
UNLOAD_WAIT_S = 30                  # the server itself waits up to 5 s for video memory to come back


@dataclass(frozen=True)
class Limits:
    """How long to wait, in seconds. The first byte comes after queueing, loading and prefill."""
    connect_s: float = 10.0
    first_byte_s: float = 1800.0    # an 8k prompt at 10 tok/s on a phone takes a quarter of an hour, and it loads first
    silence_s: float = 300.0        # between two chunks: a 70B model that swaps still says a token in that time


Silent = socket.timeout             # one of the limits passed; TimeoutError itself from Python 3.10 on
Broken = (OSError, http.client.HTTPException)   # no connection, a reset one, or bytes that are no HTTP


class Connection(http.client.HTTPConnection):
    """One connection for one request, with three time limits and four stamps."""

    def __init__(self, host: str, call: "Call", **more: object):
        super().__init__(host, **more)
        self.call = call

    def connect(self) -> None:
        began = self.call.clock()
        self.timeout = self.call.limits.connect_s
        super().connect()
        self.call.attach(self.sock)
        self.call.connect_ns = self.call.clock() - began
        self.sock.settimeout(self.call.limits.first_byte_s)

    def send(self, data: bytes) -> None:
        """Keep what http.client would send piece by piece; it leaves in one go when the gate opens."""
        if self.sock is None:
            self.connect()
        self.call.outgoing += data

    def getresponse(self) -> http.client.HTTPResponse:
        self.call.gate(self.call)
        self.call.check_sent()
        self.call.peek()
        response = super().getresponse()
        self.call.headers_ns = self.call.peeked_ns or self.call.clock()
        # http.client has let go of self.sock by now where the server will close; the response still reads from it.
        self.call.connected.settimeout(self.call.limits.silence_s)
        return response


class SecureConnection(Connection, http.client.HTTPSConnection):
    """The same over TLS; the handshake belongs to connecting."""


class _Handler(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(lambda host, **more: Connection(host, request.call, **more), request)


class _SecureHandler(urllib.request.HTTPSHandler):
    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(lambda host, **more: SecureConnection(host, request.call, **more), request)


def _opener() -> urllib.request.OpenerDirector:
    """Nothing but the two handlers: urllib's own set would use proxies even for 127.0.0.1, and follow redirects."""
    opener = urllib.request.OpenerDirector()
    opener.add_handler(_Handler())
    opener.add_handler(_SecureHandler())
    return opener


class Call:
    """One request under way: open it, read it to its end, close it. Stamps are readings of `clock`, in ns."""

    def __init__(self, request: urllib.request.Request, limits: Limits, clock: Callable[[], int],
                 gate: Callable[["Call"], None]):
        self.limits, self.clock, self.gate, self.outgoing = limits, clock, gate, b""
        self.connect_ns = self.started_ns = self.sent_ns = self.headers_ns = self.peeked_ns = None
        self.peeked = b""
        self.status, self.aborted, self._send_problem = None, False, None
        self._request, self._response, self.connected = request, None, None
        request.call = self

    def attach(self, connected: socket.socket) -> None:
        self.connected = connected
        if self.aborted:
            raise ConnectionAbortedError("given up")

    def send_now(self) -> None:
        """Send the whole request; called by the gate, maybe from another call's thread. A failure is kept."""
        self.started_ns = self.clock()
        try:
            self.connected.sendall(self.outgoing)
        except OSError as problem:
            self._send_problem = problem
        self.sent_ns = self.clock()

    def peek(self) -> None:
        """Wait for the first bytes and stamp them, without taking them.

        Headers come together with the first chunk, and reading them costs Python a third of a millisecond, which
        would be measured as time to first text. TLS sockets cannot be looked into; their stamps come after that.
        """
        try:
            self.peeked = self.connected.recv(READ_BYTES, socket.MSG_PEEK)
        except ValueError:
            return
        self.peeked_ns = self.clock()

    def check_sent(self) -> None:
        if self._send_problem is not None:
            raise self._send_problem

    def open(self) -> None:
        """Connect, wait at the gate, send, and wait for the status line. Raises OSError or HTTPException."""
        try:
            self._response = _OPENER.open(self._request)
        except urllib.error.URLError as problem:
            raise problem.reason if isinstance(problem.reason, BaseException) else OSError(problem.reason)
        self.status = self._response.status

    @property
    def read1(self) -> Callable[[int], bytes]:
        """The response's own read1: bytes as soon as any are there, b"" at the end, whole or not."""
        return self._response.read1

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    def abort(self) -> None:
        """From another thread: wake a reader that waits. Closing alone would not."""
        self.aborted = True
        if self.connected is not None:
            try:
                self.connected.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self) -> None:
        if self._response is not None:
            self._response.close()


class Endpoint:
    """The API of one server. Small answers come as decoded JSON; streams as a Call for the trial to read."""

    def __init__(self, target: ServerAddress, limits: Limits = Limits(), api_key: str | None = None,
                 clock: Callable[[], int] = time.perf_counter_ns):
        self.target, self.limits, self.clock = target, limits, clock
        self._headers = {"Content-Type": "application/json", "Accept": "application/x-ndjson, application/json"}
        self._api_key = (api_key or "").strip()
        if not (self._api_key.isascii() and self._api_key.isprintable()):
            # http.client would refuse it as well, with the key in its words.
            raise UserError("it holds characters that cannot be sent", "OLLAMA_API_KEY", "copy it once more")
        if self._api_key:
            self._headers["Authorization"] = f"Bearer {self._api_key}"

    def call(self, path: str, body: bytes | None = None, gate: Callable[[Call], None] = Call.send_now,
             limits: Limits | None = None) -> Call:
        request = urllib.request.Request(self.target.url + path, data=body, headers=self._headers)
        return Call(request, limits or self.limits, self.clock, gate)

    def ask(self, path: str, fields: dict | None = None, limits: Limits | None = None) -> tuple:
        """(status, decoded JSON or None, text) of a small exchange; raises UserError where no server answers."""
        body = None if fields is None else json.dumps(fields).encode("ascii")
        call = self.call(path, body, limits=limits or Limits(self.limits.connect_s, SMALL_S, SMALL_S))
        try:
            call.open()
            data = _read_all(call)
        except Broken as problem:
            raise self.unreachable(problem) from problem
        finally:
            call.close()
        text = data.decode("utf-8", "replace")
        try:
            return call.status, json.loads(text), text
        except (ValueError, RecursionError):
            return call.status, None, text

    def unreachable(self, problem: BaseException) -> UserError:
        what = {
            "ConnectionRefusedError": "nothing listens there",
            "gaierror": "no such host",
            "timeout": "no answer in time",
            "TimeoutError": "no answer in time",
        }.get(type(problem).__name__, f"no usable answer ({explained(problem)})")
        return UserError(what, self.target.url, "start Ollama with `ollama serve`, or name the server with --target-url",
                         FOUND)

    def _told(self, text: str) -> str:
        """The human part of an error body, without the API key."""
        return self.without_key(error_text(text))

    def without_key(self, text: str) -> str:
        """A server may repeat the API key in what it says; it is neither shown nor kept."""
        return text.replace(self._api_key, "<secret>") if self._api_key else text

    def is_alive(self) -> bool:
        quick = Limits(2.0, 5.0, 5.0)
        try:
            status, answer, _ = self.ask("/api/version", limits=quick)
        except UserError:
            return False
        return status == 200 and isinstance(answer, dict) and "version" in answer

    def version(self) -> str:
        """The server's version; raises UserError where something else than Ollama answers."""
        status, answer, _ = self.ask("/api/version")
        if status in (401, 403):
            raise UserError(f"the server refuses (HTTP {status})", self.target.url, "set OLLAMA_API_KEY or check the address")
        if status != 200 or not isinstance(answer, dict) or not isinstance(answer.get("version"), str):
            raise UserError(f"what answers is not Ollama (HTTP {status} for /api/version)", self.target.url,
                            "name the server with --target-url or OLLAMA_HOST")
        return answer["version"]

    def models(self) -> list:
        """/api/tags as it comes: dicts with name, size, digest, details, capabilities."""
        return self._list("/api/tags")

    def loaded(self) -> list:
        """/api/ps as it comes: dicts with name, size, size_vram, context_length."""
        return self._list("/api/ps")

    def _list(self, path: str) -> list:
        status, answer, text = self.ask(path)
        rows = answer.get("models") if isinstance(answer, dict) else None
        if status != 200 or not isinstance(rows, list):
            raise UserError(f"{path} answers HTTP {status} {self._told(text)!r}", self.target.url,
                            "see the server's log", FOUND)
        return [row for row in rows if isinstance(row, dict)]

    def show(self, name: str) -> dict | None:
        """/api/show, or None where the server does not know the model. It holds paths of the server's disk."""
        status, answer, text = self.ask("/api/show", {"model": name})
        if status == 404:
            return None
        if status != 200 or not isinstance(answer, dict):
            raise UserError(f"/api/show {name} answers HTTP {status} {self._told(text)!r}", self.target.url,
                            "see the server's log", FOUND)
        return answer

    def pull(self, name: str, tell: Callable[[str, int, int], None]) -> None:
        """Fetch a model; `tell` gets (status, completed bytes, total bytes). Only the status `success` is success."""
        # Checking the hash of a download of many GB says nothing until it is done.
        patient = Limits(self.limits.connect_s, self.limits.first_byte_s, self.limits.first_byte_s)
        call = self.call("/api/pull", json.dumps({"model": name, "stream": True}).encode("ascii"), limits=patient)
        last: dict = {}
        try:
            call.open()
            for line in _lines(call):
                last = line if isinstance(line, dict) else {}
                if "error" in last:
                    break
                tell(str(last.get("status", "")), last.get("completed") or 0, last.get("total") or 0)
        except Broken as problem:
            raise self.unreachable(problem) from problem
        finally:
            call.close()
        if last.get("status") != "success":
            told = self._told(str(last.get("error") or "the download ended early"))
            raise UserError(f"could not be pulled ({told})", name,
                            "check the name on the model library's site, and the space on the server's disk", FOUND)

    def unload(self, name: str, sleep: Callable[[float], None] = time.sleep) -> bool:
        """Ask for the model to go, and wait until /api/ps no longer shows it. False: it is still there."""
        self.ask("/api/generate", {"model": name, "keep_alive": 0})
        for _ in range(int(UNLOAD_WAIT_S / 0.1)):
            if not any(same_model(str(row.get("name", "")), name) for row in self.loaded()):
                return True
            sleep(0.1)
        return False


def same_model(one: str, other: str) -> bool:
    return names.model_key(one) == names.model_key(other)


def _read_all(call: Call) -> bytes:
    data = bytearray()
    while True:
        piece = call.read1(READ_BYTES)
        if not piece:
            return bytes(data)
        data += piece
        if len(data) > MAX_BODY_BYTES:
            raise http.client.HTTPException("an answer without end")


def _lines(call: Call):
    """JSON values of a stream, line by line, as they come; for streams whose timing does not matter."""
    rest = b""
    while True:
        piece = call.read1(READ_BYTES)
        rest += piece
        if len(rest) > MAX_BODY_BYTES:
            raise http.client.HTTPException("a line without end")
        *whole, rest = rest.split(b"\n") if piece else (rest, b"")
        for line in whole:
            if line.strip():
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    yield None
        if not piece:
            return


def explained(problem: BaseException) -> str:
    """What a broken stream says of itself, in words of a person."""
    if isinstance(problem, http.client.IncompleteRead):
        return "the connection ended in the middle of the answer"     # its own words count bytes of a chunk
    return str(problem) or type(problem).__name__


def error_text(text: str) -> str:
    """The human part of an error body: Ollama's {"error": ...}, which may hold another JSON object as a string."""
    for _ in range(3):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            break
        inner = value.get("error", value.get("message")) if isinstance(value, dict) else None
        if isinstance(inner, dict):
            inner = inner.get("message")
        if not isinstance(inner, str):
            break
        text = inner
    return text.strip()[:500]


_OPENER = _opener()
