"""The state of the server under one script, and the exchange: one request and the sending of its answer."""
from __future__ import annotations

import threading
import time
from typing import Iterator

from . import faults, http_wire, versions
from .engine import Engine
from .script import Model, Script, full_name
from .truth_log import Log, TruthEntry

JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson"
LATE_NS = 1_000_000                       # a piece later than this leaves with the next ones that are late
MAX_TOGETHER = 64                         # pieces
BUILT_NS = 1_767_323_045_678_901_234      # when the newest planted model was made; each next one a minute before


class ServerState:
    """The state of the server under one script. A new script makes a new one; the old one ends with its last request."""

    def __init__(self, script: Script):
        self.script, self.log = script, Log()
        self.dialect = versions.DIALECTS[script.speak]
        self.engine = Engine(script)
        self.pulled: set[str] = set()
        self.lock = threading.Lock()
        self.met = [0] * len(script.rules)         # how many requests each rule's conditions held for
        self.applied = [0] * len(script.rules)

    def models(self) -> list[Model]:
        return [model for model in self.script.models if model.present or model.name in self.pulled]

    def find(self, name: str) -> Model:
        """The model of that name; raises Refusal where there is none."""
        model = next((model for model in self.models() if model.name == full_name(name)), None)
        if model is None:
            raise versions.Refusal(404, f"model '{name}' not found")
        return model

    def modified_at(self, model: Model) -> str:
        return versions.timestamp(BUILT_NS - self.script.models.index(model) * 60 * 10**9)

    def active_faults(self, method: str, path: str, model: str, text: str, thinks: bool) -> dict:
        """What the first rule that applies does to this request. Each rule counts the requests that it covers, used or not."""
        chosen = None
        with self.lock:
            for number, rule in enumerate(self.script.rules):
                if not rule.covers(method, path, model, text, thinks):
                    continue
                self.met[number] += 1
                if chosen is None and rule.is_due(self.met[number], self.applied[number]):
                    self.applied[number] += 1
                    chosen = rule.active_faults
        return chosen or {}


class Exchange:
    """One request and its answer."""

    def __init__(self, client: http_wire.Client, request: http_wire.HttpRequest, server: ServerState, entry: TruthEntry, active_faults: dict):
        self.client, self.request, self.server = client, request, server
        client.spin_ns = http_wire.SPIN_NS if server.script.exact or http_wire.TICKS_ARE_LONG else 0
        self.entry, self.active_faults = entry, active_faults
        self.unsent_head = b""
        self.late: list[faults.Piece] = []      # pieces that should have left already
        self.wall_offset_ns = time.time_ns() - time.perf_counter_ns()

    def wall_time(self, due_ns: int) -> str:
        return versions.timestamp(due_ns + self.wall_offset_ns)

    def json(self, value: dict | list, status: int = 200, due_ns: int | None = None) -> None:
        self.whole(versions.go_json(value).encode(), JSON, status, due_ns=due_ns)

    def refuse(self, refusal: versions.Refusal, streams: bool) -> None:
        """An error; one of the runner's has the framing of the stream that it came instead of."""
        data = versions.go_json({"error": refusal.message}).encode()
        if refusal.by_runner and streams:
            self.whole(data, "application/json", refusal.status, chunked=True)
        else:
            self.whole(data, JSON, refusal.status)

    def whole(self, data: bytes, content_type: str, status: int = 200, *, due_ns: int | None = None,
              chunked: bool = False) -> None:
        """An answer in one piece, with its length where Go would give one."""
        due_ns = time.perf_counter_ns() if due_ns is None else due_ns
        chunked = chunked or len(data) > http_wire.CHUNKED_ABOVE_BYTES
        head = http_wire.head(status, [("Content-Type", content_type)], length=None if chunked else len(data), closes=self.request.closes)
        body = http_wire.chunk(data) + http_wire.LAST_CHUNK if chunked else data
        self.entry.status = status
        self.client.wait_until(due_ns)
        if "reset" in self.active_faults or "end_without_done" in self.active_faults:
            self.client.send(head + body[:len(body) // 2])
            raise http_wire.HangUp(reset="reset" in self.active_faults)
        self._stamp(due_ns)
        self.entry.ending = "whole"
        self.client.send(head + body)

    def stream(self, pieces: Iterator[faults.Piece], content_type: str) -> None:
        """Each piece when it is due. The head leaves with the first, so until then an error can have a status.

        Late pieces are sent in one write. Where a write is slow, as under Wine, a write for each would delay all the
        following ones: a stream would fall further behind with every token, and no longer answer would show the slots.
        """
        self.unsent_head = http_wire.head(200, [("Content-Type", content_type)], length=None, closes=self.request.closes)
        try:
            for piece in pieces:
                if piece.due_ns < time.perf_counter_ns() - LATE_NS and not piece.cuts and len(self.late) < MAX_TOGETHER:
                    self.late.append(piece)
                    continue
                self.wait_until(piece.due_ns)
                first, *rest = cut(http_wire.chunk(piece.data), piece)
                self._send_pieces([piece], first)
                for part in rest:
                    self.client.wait_until(time.perf_counter_ns() + faults.CUT_PAUSE_NS)
                    self.client.send(part)
        except http_wire.HangUp:
            self.send_late()
            raise
        self.send_late()
        self.entry.status, self.entry.ending = 200, "whole"
        self.client.send(self.unsent_head + http_wire.LAST_CHUNK)

    def wait_until(self, due_ns: int) -> None:
        """Late pieces are sent before the wait."""
        self.send_late()
        self.client.wait_until(due_ns)

    def send_late(self) -> None:
        if self.late:
            late, self.late = self.late, []
            self._send_pieces(late, b"".join(http_wire.chunk(piece.data) for piece in late))

    def _send_pieces(self, pieces: list[faults.Piece], framed: bytes) -> None:
        self.entry.status = 200
        for piece in pieces:
            self._stamp(piece.due_ns)
        head, self.unsent_head = self.unsent_head, b""
        self.client.send(head + framed)

    def _stamp(self, due_ns: int) -> None:
        self.entry.planned_ns.append(due_ns - self.request.received_ns)
        self.entry.sent_ns.append(time.perf_counter_ns() - self.request.received_ns)


def cut(framed: bytes, piece: faults.Piece) -> list[bytes]:
    """The HTTP chunk of a piece, one part for each write."""
    start = framed.index(b"\n") + 1
    places = [0, *(start + place for place in piece.cuts), len(framed)]
    return [framed[here:there] for here, there in zip(places, places[1:])]
