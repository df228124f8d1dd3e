"""Phase totals: what runs of one digest add up to in one phase. One more run is added without looking at the others.

The parts of a run are those of its contribution (run_contribution.py). `is_shown` is whether the run is shown: a withheld run
counts in the figures, but what only withheld runs have is not shown.
"""
from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Optional, Tuple

from base import json_text
from base.records import FIGURES
from derive.distribution import quantile, rounded
from publish import headline_figures
from publish.context_figures import RungTotals
from publish.run_contribution import GROUP_KEY
from publish.thinking_figures import ThinkingTotals
from publish.values import add, no_values, stat_of

Counts = Dict[str, int]
SHARES = headline_figures.COUNTS
DRIFTS = ("decode", "prefill", "ttft")


@dataclass
class CallCounts:
    """Calls and planned calls that were not made."""
    calls: int = 0
    void: int = 0
    reattempts: int = 0
    outcomes: Counts = field(default_factory=dict)
    skips: Counts = field(default_factory=dict)

    def add(self, row: dict) -> None:
        self.calls += row["calls"]
        self.void += row["void"]
        self.reattempts += row["reattempts"]
        add_counts(self.outcomes, row["outcomes"])
        add_counts(self.skips, row["skips"])

    def record(self) -> dict:
        return {"calls": self.calls, "void": self.void, "reattempts": self.reattempts, "outcomes": in_order(self.outcomes),
                "skips": in_order(self.skips)}


def add_counts(counts: Counts, more: Counts) -> None:
    for name, number in more.items():
        counts[name] = counts.get(name, 0) + number


def in_order(counts: Counts) -> Counts:
    return dict(sorted(counts.items()))


@dataclass
class Figure:
    """The values of one figure: the median of each run, and those of all calls."""
    shown: int = 0
    runs: array = field(default_factory=no_values)
    calls: array = field(default_factory=no_values)

    def add(self, is_shown: bool, values: Optional[List[float]]) -> None:
        """`values` are in order."""
        if values:
            self.shown += is_shown
            add(self.runs, rounded(quantile(values, 0.5)))
            self.calls.extend(values)

    def record(self) -> Optional[dict]:
        """The `spread` record; None where no shown run has the figure."""
        return {"over_runs": stat_of(self.runs), "over_calls": stat_of(self.calls)} if self.shown else None


@dataclass
class GroupTotals:
    """Calls that may share a median. `key` has the values of GROUP_KEY."""
    key: List[Any]
    shown: int = 0
    runs: int = 0
    calls: int = 0
    figures: Dict[str, Figure] = field(default_factory=lambda: {name: Figure() for name in FIGURES})

    def add(self, is_shown: bool, group: dict) -> None:
        self.shown += is_shown
        self.runs += 1
        self.calls += group["calls"]
        for name, values in group["values"].items():
            if name in self.figures:
                self.figures[name].add(is_shown, values)

    def record(self) -> dict:
        return {**dict(zip(GROUP_KEY, self.key)), "runs": self.runs, "calls": self.calls,
                "figures": {name: self.figures[name].record() for name in FIGURES}}


@dataclass
class LevelTotals:
    """Waves of one size. `key` is (level, names of the models)."""
    key: List[Any]
    shown: int = 0
    runs: int = 0
    full: int = 0
    short: int = 0
    failed: int = 0
    serialised: int = 0
    tok_s: Figure = field(default_factory=Figure)
    parallelism: Figure = field(default_factory=Figure)

    def add(self, is_shown: bool, wave: dict) -> None:
        self.shown += is_shown
        self.runs += 1
        self.full += wave["full"]
        self.short += wave["short"]
        self.failed += wave["failed"]
        self.serialised += bool(wave["serialised"])
        self.tok_s.add(is_shown, wave["values"].get("tok_s"))
        self.parallelism.add(is_shown, wave["values"].get("parallelism"))

    def record(self) -> dict:
        level, models = self.key
        return {"level": level, "models": models, "runs": self.runs, "full": self.full, "short": self.short, "failed": self.failed,
                "serialised": self.serialised, "tok_s": self.tok_s.record(), "parallelism": self.parallelism.record()}


@dataclass
class QualityTotals:
    """Answers. `recall` has [fill, place, asked, recalled, whether a shown run has it] by fill and place."""
    shown: int = 0
    counts: Counts = field(default_factory=lambda: dict.fromkeys(SHARES, 0))
    over_runs: array = field(default_factory=no_values)
    correct_per_minute: array = field(default_factory=no_values)
    time_to_correct_ms: array = field(default_factory=no_values)
    recall: Dict[str, List[Any]] = field(default_factory=dict)

    def add(self, is_shown: bool, quality: Optional[dict]) -> None:
        if not quality:
            return
        self.shown += is_shown
        add_counts(self.counts, {name: quality[name] for name in SHARES})
        add(self.over_runs, quality["passed"] / quality["n"] if quality["n"] else None)
        add(self.correct_per_minute, quality["correct_per_minute"])
        add(self.time_to_correct_ms, (quality["time_to_correct_ms"] or {}).get("median"))
        for row in quality["recall"]:
            place = self.recall.setdefault(key_text(row["fill"], row["place"]), [row["fill"], row["place"], 0, 0, False])
            place[2] += row["n"]
            place[3] += row["found"]
            place[4] |= is_shown

    def record(self) -> Optional[dict]:
        if not self.shown:
            return None
        places = sorted(place[:4] for place in self.recall.values() if place[4])
        return {**headline_figures.share_of([self.counts]), "over_runs": stat_of(self.over_runs),
                "correct_per_minute": stat_of(self.correct_per_minute), "time_to_correct_ms": stat_of(self.time_to_correct_ms),
                "recall": [{"fill": fill, "place": place, "n": n, "found": recalled} for fill, place, n, recalled in places]}


@dataclass
class DriftTotals:
    """The end of runs over their start."""
    shown: int = 0
    not_judged: int = 0
    decode: array = field(default_factory=no_values)
    prefill: array = field(default_factory=no_values)
    ttft: array = field(default_factory=no_values)

    def add(self, is_shown: bool, drift: Optional[dict]) -> None:
        if drift:
            self.shown += is_shown
            self.not_judged += drift["why"] is not None
            for name in DRIFTS:
                add(getattr(self, name), (drift[name] or {}).get("ratio"))

    def record(self) -> Optional[dict]:
        return {**{name: stat_of(getattr(self, name)) for name in DRIFTS}, "not_judged": self.not_judged} if self.shown else None


@dataclass
class PhaseTotals:
    shown: int = 0
    runs: int = 0
    counts: CallCounts = field(default_factory=CallCounts)
    prefill_bases: List[str] = field(default_factory=list)
    quality: QualityTotals = field(default_factory=QualityTotals)
    groups: Dict[str, GroupTotals] = field(default_factory=dict)
    levels: Dict[str, LevelTotals] = field(default_factory=dict)
    drift: DriftTotals = field(default_factory=DriftTotals)
    thinking: ThinkingTotals = field(default_factory=ThinkingTotals)
    rung: RungTotals = field(default_factory=RungTotals)

    def add(self, is_shown: bool, began: List[str], row: dict) -> None:
        """`began` is [start, id] of the run: what the newest run says counts."""
        self.shown += is_shown
        self.runs += 1
        self.counts.add(row)
        if row["prefill_basis"] and row["prefill_basis"] not in self.prefill_bases:
            self.prefill_bases.append(row["prefill_basis"])
        self.quality.add(is_shown, row["quality"])
        for group in row["groups"]:
            key = [group[name] for name in GROUP_KEY]
            self.groups.setdefault(key_text(*key), GroupTotals(key)).add(is_shown, group)
        for wave in row["waves"]:
            key = [wave["level"], wave["models"]]
            self.levels.setdefault(key_text(*key), LevelTotals(key)).add(is_shown, wave)
        self.drift.add(is_shown, row["drift"])
        self.thinking.add(is_shown, row.get("thinking"))
        self.rung.add(is_shown, began, row.get("rung"))

    def record(self, name: str) -> dict:
        """The `cell_phase` record."""
        return {**self.counts.record(), "phase": name, "runs": self.runs, "prefill_bases": sorted(self.prefill_bases),
                "quality": self.quality.record(), "groups": [group.record() for group in _shown_in_order(self.groups.values())],
                "levels": [level.record() for level in _shown_in_order(self.levels.values())], "drift": self.drift.record(),
                **self.thinking.record(), **self.rung.record()}


def _shown_in_order(parts: Iterable[Any]) -> List[Any]:
    """The groups or levels of shown runs, by their keys."""
    return sorted((part for part in parts if part.shown), key=lambda part: _order(part.key))


def _order(key: List[Any]) -> List[Tuple[bool, Any]]:
    return [(value is not None, value if value is not None else 0) for value in key[::-1]]


def key_text(*key: Any) -> str:
    """Equal keys have the same text."""
    return json_text.dumps([rounded(value) if isinstance(value, float) else value for value in key])
