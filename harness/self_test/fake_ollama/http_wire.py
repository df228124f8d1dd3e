"""HTTP/1.1 as Go's server frames it, on bare sockets, with every byte sent when it is due."""
from __future__ import annotations

import select
import socket
import struct
import sys
import time
from wsgiref.handlers import format_date_time      # in English, in any locale

# A sleep may wake late; where a script asks for exact times, the last bit is spent yielding. Under Windows an older Python
# sleeps in ticks of 15.6 ms, so that without yielding several chunks would leave together.
TICKS_ARE_LONG = sys.platform == "win32" and sys.version_info < (3, 11)
SPIN_NS = 16_000_000 if TICKS_ARE_LONG else 300_000
LOOK_NS = 20_000_000                      # how often a long wait looks whether the client is still there
MAX_HEAD_BYTES = 1 << 20
CHUNKED_ABOVE_BYTES = 2048                # Go's server gives no length for a body larger than its buffer
LAST_CHUNK = b"0\r\n\r\n"
BAD_REQUEST = (b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
               b"400 Bad Request")
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
           503: "Service Unavailable", 504: "Gateway Timeout"}


class Gone(Exception):
    """The client closed the connection; work for it is abandoned."""


class HangUp(Exception):
    """Close the connection now, in the middle of the answer: with a reset, or with a plain close."""

    def __init__(self, reset: bool):
        super().__init__("reset" if reset else "cut")
        self.reset = reset


class NotHTTP(Exception):
    """The received bytes are not a request."""


class HttpRequest:
    """One request, read to its last byte."""

    def __init__(self, method: str, target: str, headers: dict, body: bytes):
        self.method, self.headers, self.body = method, headers, body
        self.path, _, self.query = target.partition("?")
        self.received_ns = time.perf_counter_ns()
        self.closes = headers.get("connection", "").lower() == "close"


class Client:
    """One connection: requests come out of it, answers go into it."""

    def __init__(self, sock: socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.buffer = sock, b""
        self.spin_ns = 0                  # see SPIN_NS

    # ----- reading

    def read_request(self) -> HttpRequest | None:
        """The next request, or None when the client is done."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        first, *fields = head.decode("latin-1").split("\r\n")
        pairs = (field.partition(":") for field in fields)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        try:
            method, target, _ = first.split(" ")
            return HttpRequest(method, target, headers, self._exactly(int(headers.get("content-length") or 0)))
        except ValueError:
            raise NotHTTP(first) from None

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self.buffer:
            if len(self.buffer) > MAX_HEAD_BYTES or not self._fill():
                return None
        head, _, self.buffer = self.buffer.partition(mark)
        return head

    def _exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not self._fill():
                raise Gone
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def _fill(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except OSError:
            return False
        self.buffer += data
        return bool(data)

    # ----- waiting

    def wait_until(self, due_ns: int) -> None:
        """Return at due_ns, not earlier and hardly later; raises Gone if the client leaves meanwhile."""
        while True:
            left_ns = due_ns - time.perf_counter_ns()
            if left_ns <= 0:
                return
            if left_ns > LOOK_NS:
                self.look()
            # Sleeping for no time gives way to the other threads, which a busy loop would hold up.
            time.sleep(max(0, min(left_ns, LOOK_NS) - self.spin_ns) / 1e9)

    def look(self) -> None:
        """Raises Gone if the client has closed its end."""
        try:
            readable, _, _ = select.select([self.sock], [], [], 0)
            closed = bool(readable) and not self.sock.recv(1, socket.MSG_PEEK)
        except OSError:
            closed = True
        if closed:
            raise Gone

    # ----- writing

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError:
            raise Gone from None

    def close(self, reset: bool = False) -> None:
        if reset:
            layout = "hh" if sys.platform == "win32" else "ii"
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(layout, 1, 0))
        self.sock.close()


def head(status: int, fields: list[tuple[str, str]], *, length: int | None, closes: bool) -> bytes:
    """Status line and headers in the order in which Go writes them; length None means chunked."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'status code ' + str(status))}"]
    lines += [f"{name}: {value}" for name, value in fields]
    lines += [f"Date: {format_date_time(time.time())}"]
    lines += [] if length is None else [f"Content-Length: {length}"]
    lines += ["Connection: close"] if closes else []
    lines += ["Transfer-Encoding: chunked"] if length is None else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)
