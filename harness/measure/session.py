"""A session: one process that works on one run. It sends calls, adds placement and telemetry, and writes the records."""
from __future__ import annotations

import collections
import datetime
import json
import secrets
from dataclasses import dataclass, field
from typing import Callable, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from base import ledger, names
from base.context_ladder import Ladder
from base.errors import UserError
from base.json_text import Json
from base.ledger_records import CallRecord, Record, SkippedRecord, calls_in, typed
from base.plan import Step
from base.scrub import model_name
from base.suites import prompt_sha256
from measure import http_call, telemetry
from measure.endpoint import Endpoint
from measure.progress_report import ProgressReport

CHAT, GENERATE = "/api/chat", "/api/generate"
UNWRITTEN = {"seq": 0, "session_start": None, "cut": None}      # of a call before its line is written


class Stopped(Exception):
    """Ctrl-C; everything up to here is written."""


@dataclass(frozen=True)
class Ask:
    """One call to be made: its step in the plan, and what is sent. `texts` are (role, content) pairs without the nonce.

    For /api/generate `texts` holds the one raw prompt. No texts at all loads the model.
    """
    step: Step
    role: str
    texts: Tuple[Tuple[str, str], ...]
    options: Mapping[str, Json]
    request_fields: Mapping[str, Json]
    nonce: Optional[str] = None
    units: Optional[int] = None
    endpoint: str = CHAT


def new_nonce() -> str:
    """18 random decimal digits, so that no two prompts begin alike and no cache can answer one."""
    return f"{secrets.randbelow(10 ** 18):018d}"


def with_nonce(texts: Sequence[Tuple[str, str]], nonce: Optional[str]) -> List[Tuple[str, str]]:
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
    return {"model": ask.step.model, **content, **ask.request_fields, "options": ask.options}


def utc_now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Tally:
    """What the footer counts (measured calls by outcome, and skipped ones), and the calls whose code is graded at the end."""
    outcomes: Dict[str, int] = field(default_factory=dict)
    skipped: int = 0
    code_items: FrozenSet[str] = frozenset()
    code_calls: List[CallRecord] = field(default_factory=list)

    def add(self, record: Record) -> None:
        if isinstance(record, SkippedRecord):
            self.skipped += 1
        elif isinstance(record, CallRecord) and record.is_measured:
            self.outcomes[record.outcome] = self.outcomes.get(record.outcome, 0) + 1
            if record.item in self.code_items:
                self.code_calls.append(record)


class Session:
    """Holds the ledger open. `make` is the only way to the server for anything that is recorded."""

    def __init__(self, endpoint: Endpoint, writer: ledger.Writer, number: int, start: dict, introduced: bool,
                 stop: http_call.Stop, progress: ProgressReport, tally: Tally,
                 machine: telemetry.Reader | telemetry.Unread):
        self.endpoint, self.writer, self.number, self.stop, self.progress = endpoint, writer, number, stop, progress
        self.sleep, self.tally, self.machine = stop.sleep, tally, machine
        self.origin_ns = endpoint.clock()
        self._start, self._introduced = start, introduced
        self.ladders: Dict[str, Ladder] = collections.defaultdict(Ladder)      # model: what the records show about its contexts

    def make(self, asks: List[Ask], finding_of: Optional[Callable[[List[CallRecord]], dict]] = None) -> List[CallRecord]:
        """Make the calls at one moment, wait for all, and write their records in order; the records as written.

        Raises Stopped before the calls, or after their records, when Ctrl-C asked for it.
        `finding_of` makes the finding that the last record holds.
        """
        if self.stop.soon:
            raise Stopped
        requests = [http_call.ChatRequest(ask.endpoint, json.dumps(body_of(ask)).encode("ascii")) for ask in asks]
        self.progress.begin([ask.step for ask in asks])
        self.machine.begin()
        results = http_call.run(self.endpoint, requests, self.stop, self.progress.tick)
        state = self.machine.read()     # before anything else is done, so that it is the state right after the call
        loaded = self.loaded()
        fields = [{"type": "call", **self._place(ask.step, ask.role), **_sent(ask),
                   "reattempt": bool(self.number) and ask.role == "measured", **self._record_fields(result),
                   "placement": placement(loaded, ask.step.model), "conditions": state, "finding": None}
                  for ask, result in zip(asks, results)]
        if finding_of:
            fields[-1]["finding"] = finding_of(calls_in(typed({**UNWRITTEN, **call}) for call in fields))
        calls = calls_in([self._append(call) for call in fields])
        self.progress.end(calls)
        if self.stop.now:
            raise Stopped
        return calls

    def _record_fields(self, result: http_call.StreamResult) -> dict:
        fields = http_call.record_fields(result)
        if fields["error"] is not None:
            fields["error"] = self.endpoint.without_secrets(fields["error"])
        return {"start_ns": max(0, result.started_ns - self.origin_ns), **fields}

    def skip(self, step: Step, reason: str, detail: Optional[str] = None) -> None:
        record = self._append({"type": "skipped", **self._place(step, "measured"), "reason": reason, "detail": detail})
        assert isinstance(record, SkippedRecord)
        self.progress.skip(record)

    def is_complete(self, planned: int) -> bool:
        return sum(self.tally.outcomes.values()) + self.tally.skipped == planned

    def footer(self, planned: int, ended: str, code_grades: Optional[Dict[str, dict]] = None) -> None:
        """Write how this session ended."""
        done, skipped = sum(self.tally.outcomes.values()), self.tally.skipped
        this = {"session": self.number, "started_at": self._start["started_at"], "ended_at": utc_now(), "ended": ended}
        graded = {} if code_grades is None else {"code_grades": code_grades}
        self._append({"type": "footer", "session": self.number, "complete": self.is_complete(planned), "planned": planned,
                      "done": done, "skipped": skipped, "outcomes": self.tally.outcomes,
                      "sessions": self._start["earlier_sessions"] + [this], **graded})

    def loaded(self) -> Optional[List[dict]]:
        """/api/ps, or None where the server does not give it just now."""
        try:
            return self.endpoint.loaded()
        except UserError:
            return None

    def look_around(self, seconds: float) -> None:
        """Measure what else the machine is doing while no call runs; the next record gets it."""
        self.machine.look_around(self.sleep, seconds)

    def _place(self, step: Step, role: str) -> dict:
        return {"session": self.number, "role": role, "phase": step.phase, "model": step.model, "item": step.item,
                "pass": step.pass_, "repeat": step.repeat, "level": step.level, "wave": step.wave, "slot": step.slot,
                "fill": step.fill}

    def _append(self, record: dict) -> Record:
        start = None if self._introduced else self._start
        written = typed(self.writer.append({"session_start": start, "cut": None, **record}))
        self._introduced = True
        self.tally.add(written)
        self.learn(written)
        return written

    def learn(self, record: Record) -> None:
        """What a record, of this session or of an earlier one, shows about the contexts of its model."""
        if isinstance(record, (CallRecord, SkippedRecord)):
            self.ladders[record.model].observe(record)


def _sent(ask: Ask) -> dict:
    raw = {"raw": True} if ask.endpoint == GENERATE else {}
    return {"endpoint": ask.endpoint, "options": ask.options, "knobs": {**ask.request_fields, **raw},
            "prompt_sha256": prompt_sha256(list(ask.texts)), "nonce": ask.nonce, "material_units": ask.units}


def placement(loaded: Optional[List[dict]], model: str) -> Optional[dict]:
    """What /api/ps reports about a model, and which models are loaded."""
    if loaded is None:
        return None
    named = {str(row["name"]): row for row in loaded if row.get("name")}
    own: dict = next((row for name, row in named.items() if names.model_key(name) == names.model_key(model)), {})
    return {"size_bytes": http_call.count(own.get("size")), "vram_bytes": http_call.count(own.get("size_vram")),
            "context_length": http_call.count(own.get("context_length")), "loaded": [model_name(name) for name in named]}
