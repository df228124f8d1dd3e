"""Context figures: the context ladders of several runs as one record of a cell, and a rung as one of a cell's phase."""
from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Dict, List, Optional

from derive.distribution import rounded
from publish.values import add, no_values, stat_of

OVER_RUNS = ("num_ctx", "prompt_tokens", "prefill_tok_s", "decode_tok_s", "ttft_ms", "middle_found_tokens", "partial_from")


@dataclass
class LadderTotals:
    """The `served_context` records of runs."""
    shown: int = 0
    runs: int = 0
    middle_found: int = 0
    middle_asked: int = 0
    ended_by: Dict[str, int] = field(default_factory=dict)
    over_runs: Dict[str, array] = field(default_factory=lambda: {name: no_values() for name in OVER_RUNS})

    def add(self, is_shown: bool, served: Optional[dict]) -> None:
        if not served:
            return
        self.shown += is_shown
        self.runs += 1
        for name in OVER_RUNS:
            add(self.over_runs[name], served[name])
        if served["middle_found"] is not None:
            self.middle_found += served["middle_found"]
            self.middle_asked += 1
        count(self.ended_by, served["ended_by"])

    def record(self) -> Optional[dict]:
        """The `cell_ladder` record; None where no shown run climbed it."""
        if not self.shown:
            return None
        return {"runs": self.runs, **{name: stat_of(values) for name, values in self.over_runs.items()},
                "middle_found": self.middle_found, "middle_asked": self.middle_asked, "ended_by": dict(sorted(self.ended_by.items()))}


@dataclass
class RungTotals:
    """One context. `newest` is (start, id, num_ctx) of the newest run that asked in it."""
    shown: int = 0
    runs: int = 0
    newest: Optional[List] = None
    context_length: array = field(default_factory=no_values)
    size_bytes: array = field(default_factory=no_values)
    offload_share: array = field(default_factory=no_values)
    load_ms: array = field(default_factory=no_values)
    stopped_by: Dict[str, int] = field(default_factory=dict)

    def add(self, is_shown: bool, began: List[str], rung: Optional[dict]) -> None:
        if rung is None:
            return
        self.shown += is_shown
        self.runs += 1
        if rung["num_ctx"] and (self.newest is None or began > self.newest[:2]):
            self.newest = [*began, rung["num_ctx"]]
        for name in ("context_length", "size_bytes", "load_ms"):
            add(getattr(self, name), rung[name])
        if rung["size_bytes"] and rung["vram_bytes"] is not None:
            add(self.offload_share, rounded(rung["vram_bytes"] / rung["size_bytes"]))
        count(self.stopped_by, rung["stopped_by"])

    def record(self) -> dict:
        """{"rung": the `cell_rung` record}; nothing where no shown run has one."""
        if not self.shown:
            return {}
        return {"rung": {
            "runs": self.runs, "num_ctx": self.newest and self.newest[2], "context_length": stat_of(self.context_length),
            "size_bytes": stat_of(self.size_bytes), "offload_share": stat_of(self.offload_share), "load_ms": stat_of(self.load_ms),
            "stopped_by": dict(sorted(self.stopped_by.items()))}}


def count(counts: Dict[str, int], name: Optional[str]) -> None:
    """None is not counted."""
    if name:
        counts[name] = counts.get(name, 0) + 1
