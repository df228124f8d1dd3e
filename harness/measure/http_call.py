"""A trial: one request, or several at one moment, read to the end and turned into the fields of call records.

Collecting and understanding are kept apart. While a stream runs there is one clock read for each read of the socket
and nothing is parsed; what came is understood after it has ended.
"""
from __future__ import annotations

import gc
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Callable

from base.schema import is_count
from base.scrub import scrub
from measure.endpoint import READ_BYTES, Broken, Call, Endpoint, Silent, error_text, explained

TICK_S = 0.2              # how often the main thread wakes to draw the progress line and to hear Ctrl-C
SWITCH_S = 0.0001         # how long a thread may keep the interpreter from another that has heard something
UNSETTLED = ("error", "cut", "timeout", "stalled", "interrupted")    # after these nobody knows what the server does
COUNTS = {                # field of the record: key on the wire
    "total_ns": "total_duration", "load_ns": "load_duration", "prompt_tokens": "prompt_eval_count",
    "prompt_eval_ns": "prompt_eval_duration", "cached_tokens": "prompt_eval_cached_count",
    "eval_tokens": "eval_count", "eval_ns": "eval_duration",
}


@dataclass(frozen=True)
class Request:
    """What is sent: a path and a JSON body, encoded before the clock starts."""
    endpoint: str
    body: bytes


@dataclass
class Arrivals:
    """What came over one call, in order: (clock reading in ns, bytes); and how it ended.

    `ending` is end (the server closed, whole or not), silence (between chunks), no-byte (before the first),
    unreachable (no connection), broken (reset or no HTTP), or aborted (by us).
    """
    pieces: list = field(default_factory=list)
    ending: str = "end"
    error: str | None = None
    status: int | None = None
    connect_ns: int | None = None
    started_ns: int = 0
    sent_ns: int | None = None
    headers_ns: int | None = None
    ended_ns: int = 0


class Gate:
    """Opens when all who are expected stand before it, or have given up on the way.

    Whoever comes last sends every request, one right after the other. Were each to send its own, the server would be
    busy with the first while the others still waited for a processor.
    """

    def __init__(self, count: int):
        self._missing, self._lock, self._opened = count, threading.Lock(), threading.Event()
        self._waiting: list = []

    def depart(self, call: Call) -> None:
        """Wait here until the request of `call` was sent."""
        with self._lock:
            self._waiting.append(call)
        self.leave()
        self._opened.wait()

    def leave(self) -> None:
        with self._lock:
            self._missing -= 1
            last = self._missing == 0
        if last:
            for call in self._waiting:
                call.send_now()
            self._opened.set()


class Stop:
    """What Ctrl-C asks for: `soon` lets the current call or wave end, `now` breaks it off."""

    def __init__(self) -> None:
        self.soon = self.now = False
        self._calls: list = []

    def sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until Ctrl-C: time.sleep itself goes on after a signal."""
        ends = time.monotonic() + seconds
        while not self.soon and time.monotonic() < ends:
            time.sleep(min(0.1, max(0.0, ends - time.monotonic())))

    def watch(self, calls: list) -> None:
        self._calls = calls
        if self.now:
            self.break_off()

    def break_off(self) -> None:
        self.soon = self.now = True
        for call in self._calls:
            call.abort()


def run(endpoint: Endpoint, requests: list, stop: Stop, tick: Callable[[int], None] = lambda chunks: None) -> list:
    """Send all requests at one moment and read each to its end; Arrivals in the order of the requests.

    Each stream is read by a thread of its own, so that this one stays free for `tick`, which is told about five
    times a second how many pieces have come, and for Ctrl-C, which on Windows interrupts no read.
    """
    gate = Gate(len(requests))
    calls = [endpoint.call(request.endpoint, request.body, gate.depart) for request in requests]
    arrivals = [Arrivals() for _ in requests]
    readers = [threading.Thread(target=_read, args=(call, came, endpoint.clock, gate), daemon=True)
               for call, came in zip(calls, arrivals)]
    collecting, interval_s = gc.isenabled(), sys.getswitchinterval()
    gc.disable()    # a collection in the middle of a stream would be measured as a stall of the server
    # One reader parses its headers while another wants to stamp its first bytes; by default it would wait up to 5 ms.
    sys.setswitchinterval(SWITCH_S)
    try:
        stop.watch(calls)
        for reader in readers:
            reader.start()
        for reader in readers:
            while reader.is_alive():
                reader.join(TICK_S)
                if reader.is_alive():
                    tick(sum(len(came.pieces) for came in arrivals))
    finally:
        stop.watch([])
        sys.setswitchinterval(interval_s)
        if collecting:
            gc.enable()
    return arrivals


def _read(call: Call, came: Arrivals, clock: Callable[[], int], gate: Gate) -> None:
    try:
        call.open()
        came.ending = "silence"
        collect(call.read1, clock, came.pieces)
        came.ending = "end"
    except Silent:
        came.ending = came.ending if call.headers_ns else "no-byte" if call.started_ns else "unreachable"
        came.error = "no answer within the time limit"
    except Broken as problem:
        came.ending = "broken" if call.started_ns else "unreachable"
        came.error = explained(problem)
    finally:
        came.ended_ns = clock()
        came.pieces[:] = restamped(came.pieces, call.peeked, call.peeked_ns)
        if call.started_ns is None:
            gate.leave()
        if call.aborted:
            came.ending, came.error = "aborted", None
        came.status, came.connect_ns = call.status, call.connect_ns
        came.started_ns = came.ended_ns if call.started_ns is None else call.started_ns
        came.sent_ns, came.headers_ns = call.sent_ns, call.headers_ns
        call.close()


def collect(read1: Callable[[int], bytes], clock: Callable[[], int], pieces: list) -> None:
    """Append (clock reading, bytes) for everything that read1 gives, until it gives b""."""
    while True:
        data = read1(READ_BYTES)
        now = clock()
        if not data:
            return
        pieces.append((now, data))


def restamped(pieces: list, peeked: bytes, peeked_ns: int | None) -> list:
    """The same pieces; those that had come along with the headers get the stamp of the headers' arrival."""
    found, place = list(pieces), peeked.find(b"\r\n\r\n")
    for number, (_, data) in enumerate(pieces):
        place = peeked.find(data, place) if place >= 0 else place
        if place < 0 or peeked_ns is None:
            break
        found[number], place = (peeked_ns, data), place + len(data)
    return found


def lines(pieces: list) -> list:
    """(clock reading, line) for each line: a line was there when the piece arrived that ended it.

    Lines end at a line feed and nowhere else; pieces may end in the middle of a character. A last line that breaks off
    within its JSON is none: it tells how the stream ended, not what it said.
    """
    found, parts = [], []
    for now, data in pieces:
        *ended, rest = data.split(b"\n")
        for end in ended:
            parts.append(end)
            found.append((now, b"".join(parts)))
            parts = []
        if rest:
            parts.append(rest)
    if parts and not _breaks_off(b"".join(parts)):
        found.append((pieces[-1][0], b"".join(parts)))
    return [(now, line) for now, line in found if line.strip()]


def _breaks_off(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return line.lstrip().startswith(b"{")
    return False


def fold(came: Arrivals) -> dict:
    """The fields of a call record that tell what came; every way that a call can end gives exactly one outcome."""
    said = _Said()
    for now, line in lines(came.pieces):
        said.hear(now - came.started_ns, line, came.status)
        if said.final is not None or said.error is not None:
            break
    outcome, error = judge(came, said)
    after = {name: None if value is None else value - came.started_ns for name, value in
             (("sent_ns", came.sent_ns), ("headers_ns", came.headers_ns))}
    stamps = said.text_ns
    final = said.final or {}
    return {
        "outcome": outcome, "error": None if error is None else scrub(error), "http_status": came.status,
        "connect_ns": came.connect_ns, **after, "first_chunk_ns": said.first_chunk_ns,
        "first_text_ns": stamps[0] if stamps else None, "first_answer_ns": said.first_answer_ns,
        "last_text_ns": stamps[-1] if stamps else None, "done_ns": said.done_ns,
        "end_ns": came.ended_ns - came.started_ns, "gaps_us": gaps_us(stamps),
        "chunks": said.chunks, "text_chunks": len(stamps), "thinking_chunks": said.thinking_chunks,
        **{name: _count(final.get(key)) for name, key in COUNTS.items()},
        "done_reason": final["done_reason"] if isinstance(final.get("done_reason"), str) else None,
        "answer": _text(said.answer), "thinking": _text(said.thinking),
    }


class _Said:
    """What a stream has told so far."""

    def __init__(self) -> None:
        self.chunks = self.thinking_chunks = 0
        self.first_chunk_ns = self.first_answer_ns = self.done_ns = None
        self.text_ns: list = []
        self.answer: list = []
        self.thinking: list = []
        self.final = self.error = None

    def hear(self, after_ns: int, line: bytes, status: int | None) -> None:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            self.error = f"not a line of Ollama's: {line[:80].decode('utf-8', 'replace')}"
            return
        if "error" in value or (status is not None and status != 200):
            self.error = error_text(line.decode("utf-8", "replace"))
            return
        if value.get("remote_host") or value.get("remote_model"):
            self.error = REMOTE
            return
        self.chunks += 1
        if self.first_chunk_ns is None:
            self.first_chunk_ns = after_ns
        self._text(after_ns, value)
        if value.get("done") is True:
            self.final, self.done_ns = value, after_ns

    def _text(self, after_ns: int, value: dict) -> None:
        message = value.get("message") if isinstance(value.get("message"), dict) else {}
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


def judge(came: Arrivals, said: _Said) -> tuple:
    """(outcome, error) of a call. `done` completes it, whatever came after; nothing else does."""
    if said.final is not None:
        if said.final.get("done_reason") == "length":
            return "length", None
        return ("ok" if said.text_ns else "empty"), None
    if came.ending == "aborted":
        return "interrupted", None
    if came.status is not None and 400 <= came.status < 500:
        return "refused", said.error or f"HTTP {came.status}"
    if came.status is not None and came.status != 200:
        return "error", said.error or f"HTTP {came.status}"
    if said.error is not None:
        return "error", said.error
    if came.ending == "no-byte":
        return "timeout", came.error
    if came.ending == "silence":
        return "stalled", came.error
    if came.ending == "unreachable" or came.status is None:
        return "error", came.error or "no answer"
    return "cut", came.error or "the stream ended without done"


def gaps_us(stamps_ns: list) -> list:
    """Microseconds between neighbours; rounded so that they add up to the whole within one microsecond."""
    rounded = [(stamp + 500) // 1000 for stamp in stamps_ns]
    return [after - before for before, after in zip(rounded, rounded[1:])]


def _count(value: object) -> int | None:
    """A count or duration as received; what is no whole number of at least 0 is as good as absent."""
    return value if is_count(value) else None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _text(parts: list) -> str:
    """The parts as one text that can be written: a half of a surrogate pair becomes the replacement character."""
    return "".join(parts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
