"""An HTTP response, parsed from its bytes as they come in pieces; it reads no socket and no clock."""
from __future__ import annotations

import re

MAX_HEAD_BYTES = 64 * 1024      # status line and headers; Ollama's have 200 bytes
MAX_SIZE_LINE_BYTES = 4096      # of a chunk, with extensions
WITHOUT_BODY = (204, 304)
STATUS_LINE = re.compile(rb"HTTP/1\.[01] +([1-5][0-9]{2})(?: [^\r\n]*)?")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;.*)?")


class ResponseParser:
    """Status, headers and body of one response. `feed` returns the body bytes in what it was given.

    Bytes that are not HTTP set `problem`; nothing after them is parsed.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.is_complete = False        # nothing that follows belongs to the response
        self.problem: str | None = None
        self._rest = b""                # received, and not parsed yet
        self._is_chunked = False
        self._left: int | None = 0      # body bytes that are missing: of the response, or of the present chunk

    def feed(self, data: bytes) -> bytes:
        if self.is_complete or self.problem:
            return b""
        data, self._rest = self._rest + data, b""
        if self.status is None:
            data = self._parse_head(data)
            if self.status is None:
                self._rest = data
                return b""
        return self._dechunk(data) if self._is_chunked else self._take(data)

    def end(self) -> None:
        """The connection was closed. That completes a response without a length, and no other."""
        if self.is_complete or self.problem:
            return
        if self.status is None:
            self.problem = ("the server closed the connection without a response" if not self._rest else
                            "the connection was closed within the headers")
        elif self._is_chunked or self._left is not None:
            self.problem = "the connection was closed in the middle of the response"
        else:
            self.is_complete = True

    # ----- status line and headers

    def _parse_head(self, data: bytes) -> bytes:
        """Parse status line and headers if they are all there; what follows them, or the same bytes."""
        while self.status is None and not self.problem:
            first, line_feed, _ = data.partition(b"\n")
            status_line = STATUS_LINE.fullmatch(first.rstrip(b"\r"))
            if status_line is None and (line_feed or first[:7] != b"HTTP/1."[:len(first)]):
                self.problem = f"not an HTTP response: {_shown(first)}"
                break
            end = re.search(rb"\n\r?\n", data)
            if status_line is None or end is None:
                self.problem = "headers without an end" if len(data) > MAX_HEAD_BYTES else None
                break
            if status_line.group(1) >= b"200":      # else 100 Continue or its kind: the response proper follows
                self.status = int(status_line.group(1))
                self._set_framing(_headers(data[len(first):end.start()]))
            data = data[end.end():]
        return data

    def _set_framing(self, headers: dict[str, str]) -> None:
        self.headers = headers
        length = headers.get("content-length", "")
        self._is_chunked = headers.get("transfer-encoding", "").lower().endswith("chunked")
        if self._is_chunked or self.status in WITHOUT_BODY:
            self._left = 0
        else:
            self._left = int(length) if re.fullmatch("[0-9]{1,15}", length) else None
        self.is_complete = not self._is_chunked and self._left == 0

    # ----- body

    def _take(self, data: bytes) -> bytes:
        """A body of known length, or one that ends with the connection."""
        if self._left is None:
            return data
        body = data[:self._left]
        self._left -= len(body)
        self.is_complete = self._left == 0
        return body

    def _dechunk(self, data: bytes) -> bytes:
        """Trailers after the last chunk are ignored."""
        body, place = [], 0
        while place < len(data) and not self.is_complete and not self.problem:
            if self._left:
                part = data[place:place + self._left]
                body.append(part)
                self._left -= len(part)
                place += len(part)
                continue
            end = data.find(b"\n", place)
            if end < 0:
                self._rest = data[place:]
                break
            self._size_line(data[place:end].rstrip(b"\r"))
            place = end + 1
        if len(self._rest) > MAX_SIZE_LINE_BYTES:
            self.problem = "a chunk without a size"
        return b"".join(body)

    def _size_line(self, line: bytes) -> None:
        """The line before a chunk; the end of the chunk before it leaves an empty one."""
        size = CHUNK_SIZE.fullmatch(line)
        if size:
            self._left = int(size.group(1), 16)
            self.is_complete = self._left == 0
        elif line:
            self.problem = f"not the size of a chunk: {_shown(line)}"


def _headers(data: bytes) -> dict[str, str]:
    """Names in lower case; the first of several values counts."""
    headers: dict[str, str] = {}
    for line in data.decode("latin-1").split("\n"):
        name, colon, value = line.rstrip("\r").partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return headers


def _shown(data: bytes) -> str:
    return data[:80].decode("utf-8", "replace").strip()
