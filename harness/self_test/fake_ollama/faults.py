"""The faults: every way in which an answer can go wrong, by name, with its parameters and their defaults.

Faults before the answer replace it, those of the plan change its text and counters, those of the stream change the
finished lines as they are sent. "after" counts the lines that still pass unchanged. Of the last kind, only reset and
end_without_done apply to an answer in one piece: they cut it in the middle.
"""
from __future__ import annotations

from typing import Callable, Iterable, Iterator, NamedTuple

from . import versions
from .http_wire import HangUp


class Fault(NamedTuple):
    """What a script may set for a fault."""

    meaning: str
    parameters: dict                       # name -> default


class Piece(NamedTuple):
    """Bytes that are due at a moment; they become one HTTP chunk."""

    due_ns: int
    data: bytes
    cuts: tuple = ()                       # places in data where one write to the socket ends and the next begins


CUT_PAUSE_NS = 2_000_000                   # between two parts of what belongs together, so that they arrive apart

FAULTS = {
    # before the answer
    "status": Fault("this status instead of an answer, with body as it is, or with error in JSON",
                    {"code": 500, "error": "planted", "body": None}),
    "nested_json_400": Fault("an error of the runner: JSON in a string in JSON", {"message": "planted"}),
    "empty_200": Fault("status 200 and an empty body", {}),
    "silence": Fault("no byte for this time, then the connection is closed", {"ms": 60_000}),
    "body_not_http": Fault("these bytes instead of HTTP, then the connection is closed",
                           {"text": "\u0000\u0001 not HTTP at all\r\n\r\n"}),
    # of the plan
    "answer": Fault("this text is the answer", {"text": "ok"}),
    "one_token": Fault("the answer ends after one token", {}),
    "silent_truncation": Fault("an over-long prompt is cut even if the request forbids it; with `to`, any prompt is cut to this many tokens",
                               {"to": None}),
    "queue_wait": Fault("a wait before prefill begins, which only the total duration includes", {"ms": 200}),
    "thinking_despite_off": Fault("the model thinks although the request forbids it", {"tokens": 14}),
    "remote_chunks": Fault("every object has the fields of a cloud model",
                           {"remote_host": "https://cloud.example:443", "remote_model": "planted"}),
    "multi_token_chunks": Fault("this many tokens in each chunk", {"tokens": 4}),
    "empty_chunks": Fault("a chunk without text before the first chunk, and again after this many",
                          {"every": 5}),
    "metrics_absent": Fault("the final object lacks these fields; None: all counters", {"fields": None}),
    "whole_without_done": Fault("a single object with done: false and without counters", {}),
    "huge_line": Fault("this many numbers of context in the final line, and raw U+2028 and U+0085 in the text",
                       {"context": 60_000}),
    # of the stream
    "end_without_done": Fault("the body ends properly (clean) or the connection is closed in mid-body, without a done line",
                              {"after": 3, "clean": True}),
    "reset": Fault("the connection is reset", {"after": 3}),
    "error_line": Fault("the body ends with an error line", {"after": 3, "text": versions.RUNNER_LOST}),
    "stall": Fault("no byte for this time, then the stream goes on", {"after": 3, "ms": 1000}),
    "not_json": Fault("a line that is not JSON; the stream goes on", {"after": 3, "line": "this is not JSON"}),
    "several_lines_per_http_chunk": Fault("this many lines in each HTTP chunk", {"lines": 3}),
    "line_split_over_chunks": Fault("each line in two HTTP chunks", {}),
    "utf8_split": Fault("multi-byte characters, cut inside a character: alternately between two writes and between "
                        "two HTTP chunks", {}),
}


def spoiled(pieces: Iterator[Piece], active_faults: dict) -> Iterator[Piece]:
    """The pieces with each active fault of the stream applied."""
    for name, spoil in SPOILERS.items():
        if name in active_faults:
            pieces = spoil(pieces, **active_faults[name])
    return pieces


def end_without_done(pieces: Iterable[Piece], after: int, clean: bool) -> Iterator[Piece]:
    yield from first(pieces, after)
    if not clean:
        raise HangUp(reset=False)


def reset(pieces: Iterable[Piece], after: int) -> Iterator[Piece]:
    yield from first(pieces, after)
    raise HangUp(reset=True)


def error_line(pieces: Iterable[Piece], after: int, text: str) -> Iterator[Piece]:
    due_ns = 0
    for piece in first(pieces, after):
        due_ns = piece.due_ns
        yield piece
    yield Piece(due_ns, versions.go_json({"error": text}).encode() + b"\n")


def stall(pieces: Iterable[Piece], after: int, ms: float) -> Iterator[Piece]:
    for number, piece in enumerate(pieces):
        yield piece._replace(due_ns=piece.due_ns + round(ms * 1e6)) if number >= after else piece


def not_json(pieces: Iterable[Piece], after: int, line: str) -> Iterator[Piece]:
    for number, piece in enumerate(pieces):
        if number == after:
            yield piece._replace(data=line.encode() + b"\n")
        yield piece


def several_lines_per_http_chunk(pieces: Iterable[Piece], lines: int) -> Iterator[Piece]:
    batch: list[Piece] = []
    for piece in pieces:
        batch.append(piece)
        if len(batch) == lines:
            yield joined(batch)
            batch = []
    if batch:
        yield joined(batch)


def line_split_over_chunks(pieces: Iterable[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        yield from halves(piece, len(piece.data) // 2)


def utf8_split(pieces: Iterable[Piece]) -> Iterator[Piece]:
    for number, piece in enumerate(pieces):
        within = next((place + 1 for place, byte in enumerate(piece.data) if byte >= 0xC0), None)
        if within is None:
            yield piece
        elif number % 2:
            yield from halves(piece, within)
        else:
            yield piece._replace(cuts=(within,))


SPOILERS: dict[str, Callable[..., Iterator[Piece]]] = {
    "not_json": not_json, "stall": stall, "error_line": error_line, "end_without_done": end_without_done,
    "reset": reset, "utf8_split": utf8_split, "line_split_over_chunks": line_split_over_chunks,
    "several_lines_per_http_chunk": several_lines_per_http_chunk,
}


def first(pieces: Iterable[Piece], count: int) -> Iterator[Piece]:
    """The first `count` pieces; the rest is never generated, as when a runner dies."""
    if count:
        for number, piece in enumerate(pieces, 1):
            yield piece
            if number == count:
                return


def joined(pieces: list[Piece]) -> Piece:
    return Piece(pieces[-1].due_ns, b"".join(piece.data for piece in pieces))


def halves(piece: Piece, place: int) -> Iterator[Piece]:
    yield Piece(piece.due_ns, piece.data[:place])
    yield Piece(piece.due_ns + CUT_PAUSE_NS, piece.data[place:])


def without(final: dict, fields: list | None) -> dict:
    """A final object without some of its counters."""
    counters = [key for key in final if key.endswith(("_duration", "_count"))]
    return {key: value for key, value in final.items() if key not in (counters if fields is None else fields)}
