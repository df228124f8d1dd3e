"""The truth log: what was planned for each request, and when its bytes were sent. Times are in nanoseconds."""
from __future__ import annotations

import array
import dataclasses
import threading
from typing import Any


@dataclasses.dataclass
class TruthEntry:
    """One request. Offsets count from received_ns, which is on the system-wide clock of perf_counter_ns."""

    n: int                                # number of the request, from 0, in order of arrival
    method: str
    path: str
    model: str | None
    nonce: str | None                     # first 18 characters of the first message or prompt, if all are digits
    received_ns: int                      # head and body had been read
    status: int | None = None
    fault: str | None = None              # names joined by +
    load_ns: int = 0
    queue_ns: int = 0                     # waiting for a slot; no counter of the protocol has it
    slot: int | None = None
    prompt_tokens: int | None = None      # cached ones included
    cached_tokens: int | None = None
    prompt_eval_ns: int | None = None
    eval_tokens: int | None = None
    eval_ns: int | None = None
    done_reason: str | None = None
    ending: str | None = None             # whole, cut, reset, not http, client gone; None: still going on
    planned_ns: array.array = dataclasses.field(default_factory=lambda: array.array("q"))
    sent_ns: array.array = dataclasses.field(default_factory=lambda: array.array("q"))

    def as_json(self) -> dict:
        return {key: list(value) if isinstance(value, array.array) else value for key, value in vars(self).items()}


class Log:
    """The entries since the script was set or the log was cleared."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entries: list[TruthEntry] = []

    def open(self, **fields: Any) -> TruthEntry:
        """A new entry, numbered in order of arrival."""
        with self.lock:
            entry = TruthEntry(n=len(self.entries), **fields)
            self.entries.append(entry)
            return entry

    def since(self, number: int) -> list[dict]:
        with self.lock:
            return [entry.as_json() for entry in self.entries[number:]]
