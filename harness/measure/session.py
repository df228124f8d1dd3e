"""A session: one process that works on one run. It sends calls, adds placement and telemetry, and writes the records."""
from __future__ import annotations

import collections
import datetime
import json
import secrets
from dataclasses import dataclass, field
from typing import Callable, Dict, FrozenSet, List

from base import ledger, names, schema
from base.context_ladder import Ladder
from base.errors import UserError
from base.ledger_records import CallRecord, typed
from base.plan import Step
from base.scrub import model_name
from base.suites import prompt_sha256
from measure import http_call, telemetry
from measure.endpoint import Endpoint
from measure.progress_report import ProgressReport

CHAT, GENERATE = "/api/chat", "/api/generate"


class Stopped(Exception):
    """Ctrl-C; everything up to here is written."""


@dataclass(frozen=True)
class Ask:
    """One call to be made: its place, and what is sent. `texts` are (role, content) pairs without the nonce.

    For /api/generate `texts` holds the one raw prompt. No texts at all loads the model.
    """
    step: Step
    role: str
    texts: tuple
    options: dict
    knobs: dict
    nonce: str | None = None
    units: int | None = None
    endpoint: str = CHAT


def new_nonce() -> str:
    """18 random decimal digits: no two prompts ever begin alike, so nothing behind them can come from a cache."""
    return f"{secrets.randbelow(10 ** 18):018d}"


def with_nonce(texts: tuple, nonce: str | None) -> list:
    """The same (role, content) pairs, the first content beginning with the nonce and an empty line."""
    if nonce is None or not texts:
        return list(texts)
    (role, content), *rest = texts
    return [(role, f"{nonce}\n\n{content}")] + rest


def body_of(ask: Ask) -> dict:
    """The JSON body of the request."""
    texts = with_nonce(ask.texts, ask.nonce)
    if ask.endpoint == GENERATE:
        content: dict = {"prompt": texts[0][1], "raw": True}
    else:
        content = {"messages": [{"role": role, "content": text} for role, text in texts]}
    return {"model": ask.step.model, **content, **ask.knobs, "options": ask.options}


def utc_now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Tally:
    """What the footer counts: measured calls by outcome, and skipped ones; and the calls whose code is graded for it."""
    outcomes: Dict[str, int] = field(default_factory=dict)
    skipped: int = 0
    code_items: FrozenSet[str] = frozenset()       # items whose answers are graded at the end
    code_calls: List[CallRecord] = field(default_factory=list)

    def add(self, record: dict) -> None:
        if record["type"] == "skipped":
            self.skipped += 1
        elif record["type"] == "call" and record["role"] == "measured":
            self.outcomes[record["outcome"]] = self.outcomes.get(record["outcome"], 0) + 1
            if record["item"] in self.code_items:
                self.code_calls.append(typed(record))


class Session:
    """Holds the ledger open. `make` is the only way to the server for anything that is recorded.

    `machine` is a conditions.Reader, or conditions.Elsewhere.
    """

    def __init__(self, endpoint: Endpoint, writer: ledger.Writer, number: int, start: dict, introduced: bool,
                 stop: http_call.Stop, watch: ProgressReport, tally: Tally,
                 machine: telemetry.Reader | telemetry.Elsewhere):
        self.endpoint, self.writer, self.number, self.stop, self.watch = endpoint, writer, number, stop, watch
        self.sleep, self.tally, self.machine = stop.sleep, tally, machine
        self.origin_ns = endpoint.clock()
        self._start, self._introduced = start, introduced
        self.ladders: Dict[str, Ladder] = collections.defaultdict(Ladder)      # model: what the records say about its contexts

    def make(self, asks: list, note: Callable[[list], dict] | None = None) -> list:
        """Make the calls at one moment, wait for all, and write their records in order; the records as written.

        Raises Stopped before the calls, or after their records, when Ctrl-C asked for it.
        `note` turns the answered calls into the finding that the last record keeps.
        """
        if self.stop.soon:
            raise Stopped
        requests = [http_call.ChatRequest(ask.endpoint, json.dumps(body_of(ask)).encode("ascii")) for ask in asks]
        self.watch.begin(asks)
        self.machine.begin()
        results = http_call.run(self.endpoint, requests, self.stop, self.watch.tick)
        state = self.conditions()       # before anything else is done: it is to be the state that the call left
        answered, loaded = [self._record_fields(result) for result in results], self.loaded()
        finding = note(answered) if note else None
        records = []
        for ask, fields in zip(asks, answered):
            last = ask is asks[-1]
            records.append(self._append({
                "type": "call", **self._place(ask.step, ask.role), **_sent(ask),
                "reattempt": bool(self.number) and ask.role == "measured",
                **fields, "placement": placement(loaded, ask.step.model), "conditions": state,
                "finding": finding if last else None}))
        self.watch.end(records)
        if self.stop.now:
            raise Stopped
        return records

    def _record_fields(self, result: http_call.StreamResult) -> dict:
        fields = http_call.record_fields(result)
        if fields["error"] is not None:
            fields["error"] = self.endpoint.without_secrets(fields["error"])
        return {"start_ns": max(0, result.started_ns - self.origin_ns), **fields}

    def skip(self, step: Step, reason: str, detail: str | None = None) -> None:
        record = self._append({"type": "skipped", **self._place(step, "measured"), "reason": reason, "detail": detail})
        self.watch.end([record])

    def is_complete(self, planned: int) -> bool:
        return sum(self.tally.outcomes.values()) + self.tally.skipped == planned

    def footer(self, planned: int, ended: str, code_grades: dict | None = None) -> None:
        """Seal the ledger with how this session ended."""
        done, skipped = sum(self.tally.outcomes.values()), self.tally.skipped
        this = {"session": self.number, "started_at": self._start["started_at"], "ended_at": utc_now(), "ended": ended}
        graded = {} if code_grades is None else {"code_grades": code_grades}
        self._append({"type": "footer", "session": self.number, "complete": self.is_complete(planned), "planned": planned,
                      "done": done, "skipped": skipped, "outcomes": self.tally.outcomes,
                      "sessions": self._start["earlier_sessions"] + [this], **graded})

    def loaded(self) -> list | None:
        """/api/ps, or None where it cannot be had just now."""
        try:
            return self.endpoint.loaded()
        except UserError:
            return None

    def conditions(self) -> dict | None:
        """The machine's state; None where the server, and so the machine that was measured, is elsewhere."""
        return self.machine.read()

    def look_around(self, seconds: float) -> None:
        """See what else the machine is doing while no call runs; the next record tells."""
        self.machine.look_around(self.sleep, seconds)

    def _place(self, step: Step, role: str) -> dict:
        return {"session": self.number, "role": role, "phase": step.phase, "model": step.model, "item": step.item,
                "pass": step.pass_, "repeat": step.repeat, "level": step.level, "wave": step.wave, "slot": step.slot,
                "fill": step.fill}

    def _append(self, record: dict) -> dict:
        start = None if self._introduced else self._start
        written = self.writer.append({"session_start": start, "cut": None, **record})
        self._introduced = True
        self.tally.add(written)
        self.learn(written)
        return written

    def learn(self, record: dict) -> None:
        """What a record says about the contexts of its model, be it of this session or of an earlier one."""
        if record["type"] in ("call", "skipped"):
            self.ladders[record["model"]].observe(typed(record))


def _sent(ask: Ask) -> dict:
    raw = {"raw": True} if ask.endpoint == GENERATE else {}
    return {"endpoint": ask.endpoint, "options": ask.options, "knobs": {**ask.knobs, **raw},
            "prompt_sha256": prompt_sha256(list(ask.texts)), "nonce": ask.nonce, "material_units": ask.units}


def placement(loaded: list | None, model: str) -> dict | None:
    """What /api/ps reports about a model, and which models are loaded."""
    if loaded is None:
        return None
    named = {str(row["name"]): row for row in loaded if row.get("name")}
    mine: dict = next((row for name, row in named.items() if names.model_key(name) == names.model_key(model)), {})
    return {"size_bytes": _count(mine.get("size")), "vram_bytes": _count(mine.get("size_vram")),
            "context_length": _count(mine.get("context_length")), "loaded": [model_name(name) for name in named]}


def _count(value: object) -> int | None:
    return value if schema.is_count(value) else None
