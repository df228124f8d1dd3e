"""HTTP calls: one request, or several at the same moment, read to the end and turned into the fields of call records."""
from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from typing import Any, Callable

from base.schema import is_count
from base.scrub import scrub
from measure import foreign_answers, stream_reader
from measure.endpoint import Endpoint, decoded, error_text
from measure.stream_reader import Stream

PAGE_PIECES = 8           # of an HTML page, in which its title is looked for
UNSETTLED = ("error", "cut", "timeout", "stalled", "interrupted")    # after these the state of the server is unknown
COUNTS = {                # field of the record: key on the wire
    "total_ns": "total_duration", "load_ns": "load_duration", "prompt_tokens": "prompt_eval_count",
    "prompt_eval_ns": "prompt_eval_duration", "cached_tokens": "prompt_eval_cached_count",
    "eval_tokens": "eval_count", "eval_ns": "eval_duration",
}


@dataclass(frozen=True)
class ChatRequest:
    """What is sent: a path and a JSON body, encoded before the clock starts."""
    endpoint: str
    body: bytes


@dataclass
class StreamResult:
    """The result of a stream: its body as (clock reading in ns, bytes) in order, and how it ended (see Stream)."""
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    ending: str = "end"
    error: str | None = None
    status: int | None = None
    connect_ns: int | None = None
    started_ns: int = 0
    sent_ns: int | None = None
    headers_ns: int | None = None
    ended_ns: int = 0


class Stop:
    """What Ctrl-C has requested: `soon` lets the current call or wave finish, `now` aborts it."""

    def __init__(self) -> None:
        self.soon = self.now = False

    def sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until Ctrl-C: time.sleep itself goes on after a signal."""
        ends = time.monotonic() + seconds
        while not self.soon and time.monotonic() < ends:
            time.sleep(min(0.1, max(0.0, ends - time.monotonic())))

    def break_off(self) -> None:
        self.soon = self.now = True


def run(endpoint: Endpoint, requests: list[ChatRequest], stop: Stop,
        tick: Callable[[int], None] = lambda chunks: None) -> list[StreamResult]:
    """Send all requests at the same moment and read each response to its end; results in the order of the requests.

    `tick` gets the number of pieces that have come, some times a second.
    """
    connections = [endpoint.connection(request.endpoint, request.body) for request in requests]
    collecting = gc.isenabled()
    gc.disable()    # a collection in the middle of a stream would be measured as a stall of the server
    try:
        streams = stream_reader.exchange(
            connections, endpoint.clock, lambda: stop.now,
            lambda streams: tick(sum(len(stream.pieces) + len(stream.body) for stream in streams)))
    finally:
        if collecting:
            gc.enable()
    return [_result(stream) for stream in streams]


def _result(stream: Stream) -> StreamResult:
    connection = stream.connection
    started_ns = stream.ended_ns if connection.started_ns is None else connection.started_ns
    return StreamResult(stream.body, stream.ending or "end", stream.error, stream.parser.status, connection.connect_ns, started_ns,
                        connection.sent_ns, stream.headers_ns, stream.ended_ns)


def lines(pieces: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """(clock reading, line) for each line: a line was there when the piece arrived that ended it.

    Lines end at a line feed and nowhere else; pieces may end in the middle of a character. A last line that breaks off
    within its JSON is left out: it is the end of the stream, not a message.
    """
    stamped, parts = [], []
    for now_ns, data in pieces:
        *ends, rest = data.split(b"\n")
        for end in ends:
            parts.append(end)
            stamped.append((now_ns, b"".join(parts)))
            parts = []
        if rest:
            parts.append(rest)
    last = b"".join(parts)
    if last and (decoded(last) is not None or not last.lstrip().startswith(b"{")):
        stamped.append((pieces[-1][0], last))
    return [(now_ns, line) for now_ns, line in stamped if line.strip()]


def record_fields(result: StreamResult) -> dict[str, Any]:
    """The fields of a call record that describe the response; every call has exactly one outcome."""
    answer = _Answer()
    for now_ns, line in lines(result.pieces):
        answer.add(now_ns - result.started_ns, line, result.status)
        if answer.final is not None or answer.error is not None:
            break
    if answer.error is not None and answer.chunks == 0:
        page = b"".join(data for _, data in result.pieces[:PAGE_PIECES]).decode("utf-8", "replace")
        answer.error = foreign_answers.page_error(page, result.status) or answer.error
    outcome, error = _outcome(result, answer)
    after = {name: None if value is None else value - result.started_ns for name, value in
             (("sent_ns", result.sent_ns), ("headers_ns", result.headers_ns))}
    stamps, final = answer.text_ns, answer.final or {}
    return {
        "outcome": outcome, "error": None if error is None else scrub(error), "http_status": result.status,
        "connect_ns": result.connect_ns, **after, "first_chunk_ns": answer.first_chunk_ns,
        "first_text_ns": stamps[0] if stamps else None, "first_answer_ns": answer.first_answer_ns,
        "last_text_ns": stamps[-1] if stamps else None, "done_ns": answer.done_ns,
        "end_ns": result.ended_ns - result.started_ns, "gaps_us": gaps_us(stamps),
        "chunks": answer.chunks, "text_chunks": len(stamps), "thinking_chunks": answer.thinking_chunks,
        **{name: count(final.get(key)) for name, key in COUNTS.items()},
        "done_reason": final["done_reason"] if isinstance(final.get("done_reason"), str) else None,
        "answer": _text(answer.answer), "thinking": _text(answer.thinking),
    }


class _Answer:
    """The answer, built up from the lines of a stream. Times are ns after the request."""

    def __init__(self) -> None:
        self.chunks = self.thinking_chunks = 0
        self.first_chunk_ns: int | None = None
        self.first_answer_ns: int | None = None
        self.done_ns: int | None = None
        self.text_ns: list[int] = []
        self.answer: list[str] = []
        self.thinking: list[str] = []
        self.final: dict | None = None
        self.error: str | None = None

    def add(self, after_ns: int, line: bytes, status: int | None) -> None:
        value = decoded(line)
        if not isinstance(value, dict):
            self.error = f"not a line of Ollama's: {line[:80].decode('utf-8', 'replace')}"
        elif "error" in value or (status is not None and status != 200):
            self.error = error_text(line.decode("utf-8", "replace"))
        elif value.get("remote_host") or value.get("remote_model"):
            self.error = REMOTE
        else:
            self._add_chunk(after_ns, value)

    def _add_chunk(self, after_ns: int, value: dict) -> None:
        self.chunks += 1
        if self.first_chunk_ns is None:
            self.first_chunk_ns = after_ns
        self._add_text(after_ns, value)
        if value.get("done") is True:
            self.final, self.done_ns = value, after_ns

    def _add_text(self, after_ns: int, value: dict) -> None:
        message = value.get("message")
        message = message if isinstance(message, dict) else {}
        answer = _string(message.get("content")) or _string(value.get("response"))
        thinking = _string(message.get("thinking")) or _string(value.get("thinking"))
        if thinking:
            self.thinking.append(thinking)
            self.thinking_chunks += 1
        if answer:
            self.answer.append(answer)
            if self.first_answer_ns is None:
                self.first_answer_ns = after_ns
        if thinking or answer:
            self.text_ns.append(after_ns)


REMOTE = "the answer comes from another machine (remote_host or remote_model is set)"


def _outcome(result: StreamResult, answer: _Answer) -> tuple[str, str | None]:
    """(outcome, error) of a call. `done` completes it, whatever came after; nothing else does."""
    status = result.status
    if answer.final is not None:
        if answer.final.get("done_reason") == "length":
            return "length", None
        return ("ok" if answer.text_ns else "empty"), None
    if result.ending == "aborted":
        return "interrupted", None
    if status is not None and 400 <= status < 500:
        return "refused", answer.error or f"HTTP {status}"
    if status is not None and status != 200:
        return "error", answer.error or f"HTTP {status}"
    if answer.error is not None:
        return "error", answer.error
    if result.ending == "no-byte":
        return "timeout", result.error
    if result.ending == "silence":
        return "stalled", result.error
    if result.ending == "unreachable" or status is None:
        return "error", result.error or "no answer"
    return "cut", result.error or "the stream ended without done"


def gaps_us(stamps_ns: list[int]) -> list[int]:
    """Microseconds between neighbours; rounded so that they add up to the whole within one microsecond."""
    rounded = [(stamp + 500) // 1000 for stamp in stamps_ns]
    return [after - before for before, after in zip(rounded, rounded[1:])]


def count(value: Any) -> int | None:
    """A count or duration as received; anything but a whole number of at least 0 counts as absent."""
    return value if is_count(value) else None


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _text(parts: list[str]) -> str:
    """The parts as one text that can be written: a half of a surrogate pair becomes the replacement character."""
    return "".join(parts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
