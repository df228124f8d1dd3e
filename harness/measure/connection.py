"""A connection for one request: the only sockets of measuring.

http.client opens it and builds the request. Nothing is sent twice, no redirect is followed, no proxy is used and no
connection is kept: each call pays for its own, and its clock starts once the connection is established.
"""
from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass
from typing import Any, Callable, Mapping

from base.errors import UserError
from measure.server_address import ServerAddress

try:
    import ssl
    NOT_YET: tuple = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
except ImportError:                 # a Python that was built without it measures over http
    NOT_YET = (BlockingIOError,)

Timeout = socket.timeout            # TimeoutError itself from Python 3.10 on
READ_BYTES = 16384                  # a TLS record; a chunk of a stream has some 150 bytes


@dataclass(frozen=True)
class TimeLimits:
    """How long to wait, in seconds. The first byte comes after queueing, loading and prefill."""
    connect_s: float = 10.0
    first_byte_s: float = 1800.0    # an 8k prompt at 10 tok/s on a phone takes a quarter of an hour, and it loads first
    silence_s: float = 300.0        # between two chunks: a 70B model that swaps still produces a token in that time


class _Request:
    """Mixin for http.client connections: collects what would be sent in pieces, so that it is sent in one write."""
    request_bytes = b""

    def send(self, data: Any) -> None:
        self.request_bytes += data


class _Plain(_Request, http.client.HTTPConnection):
    pass


def _client(address: ServerAddress, timeout_s: float) -> _Plain:
    """An http.client connection for the scheme of the address."""
    if address.scheme != "https":
        return _Plain(address.host, address.port, timeout=timeout_s)
    if not hasattr(http.client, "HTTPSConnection"):
        raise UserError("this Python was built without ssl", address.url, "use an http:// address, or another Python")
    secure = type("_Secure", (_Request, http.client.HTTPSConnection), {})
    return secure(address.host, address.port, timeout=timeout_s)


class Connection:
    """One request: connect, send, and close after the response. Stamps are readings of `clock`, in ns."""

    def __init__(self, address: ServerAddress, path: str, body: bytes | None, headers: Mapping[str, str], limits: TimeLimits,
                 clock: Callable[[], int]):
        self.limits, self._clock = limits, clock
        self._address, self._path, self._body, self._headers = address, path, body, headers
        self._request_bytes = b""
        self.socket: Any = None         # a socket once connected, encrypted or not
        self.receive: Callable[[int], bytes] = bytes    # of the socket, once there is one; raises NOT_YET and OSError
        self.has_own_buffer = False     # bytes may be pending although the socket is not readable: TLS decrypts records
        self.connect_ns: int | None = None
        self.started_ns: int | None = None
        self.sent_ns: int | None = None

    def connect(self) -> None:
        """Connect, TLS handshake included, and build the request. Raises OSError."""
        client = _client(self._address, self.limits.connect_s)
        began_ns = self._clock()
        client.connect()
        self.connect_ns = self._clock() - began_ns
        self.socket, self.receive = client.sock, client.sock.recv
        self.has_own_buffer = hasattr(client.sock, "pending")
        client.request("GET" if self._body is None else "POST", self._address.prefix + self._path, self._body,
                       {**self._headers, "Connection": "close"})
        self._request_bytes = client.request_bytes

    def send(self) -> int:
        """Send the whole request; when that was done. Raises OSError."""
        self.socket.settimeout(self.limits.first_byte_s)
        self.started_ns = self._clock()
        try:
            self.socket.sendall(self._request_bytes)
        finally:
            self.sent_ns = self._clock()
        self.socket.setblocking(False)
        return self.sent_ns

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()


def explained(problem: BaseException) -> str:
    """What went wrong with a connection, in words."""
    if isinstance(problem, Timeout):
        return "no answer within the time limit"
    if isinstance(problem, ConnectionResetError):       # Windows has other words for it, in the user's language
        return "the connection was reset"
    return str(problem) or type(problem).__name__
