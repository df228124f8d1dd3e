"""Thinking figures: the thinking of several runs as one record of a cell's phase."""
from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Dict, Optional

from derive import paired_answers
from publish.context_figures import count
from publish.values import add, no_values, stat_of

SUMMED = ("thought", "cut_by_budget", "cut_otherwise")
OF_CALLS = ("tokens", "budget_share", "first_answer_ms")
PAIRED = ("pairs", "unpaired", "right_plain", "right_thinking", "gained", "lost")
TIMES = ("time_to_correct_plain_ms", "time_to_correct_thinking_ms")


@dataclass
class ThinkingTotals:
    """The `thinking` records of runs."""
    shown: int = 0
    runs: int = 0
    modes: Dict[str, int] = field(default_factory=dict)
    sums: Dict[str, int] = field(default_factory=lambda: dict.fromkeys(SUMMED + PAIRED, 0))
    values: Dict[str, array] = field(default_factory=lambda: {name: no_values() for name in ("budget", *OF_CALLS, *TIMES, "time_ratio")})

    def add(self, is_shown: bool, record: Optional[dict]) -> None:
        if record is None:
            return
        self.shown += is_shown
        self.runs += 1
        count(self.modes, _mode(record))
        add(self.values["budget"], record["budget"])
        for name in SUMMED:
            self.sums[name] += record[name]
        for name in OF_CALLS:
            add(self.values[name], (record[name] or {}).get("median"))
        if record["answers"]:
            self._add_pairs(record["answers"])

    def _add_pairs(self, pairs: dict) -> None:
        for name in PAIRED:
            self.sums[name] += pairs[name]
        for name in TIMES:
            add(self.values[name], (pairs[name] or {}).get("median"))
        add(self.values["time_ratio"], (pairs["time_ratio"] or {}).get("ratio"))

    def record(self) -> dict:
        """{"thinking": the `cell_thinking` record}; nothing where no shown run has any."""
        if not self.shown:
            return {}
        stats = {name: stat_of(values) for name, values in self.values.items()}
        change = paired_answers.difference(self.sums["pairs"], self.sums["gained"], self.sums["lost"])
        return {"thinking": {
            "runs": self.runs, "modes": dict(sorted(self.modes.items())), "budget": stats["budget"],
            **{name: self.sums[name] for name in SUMMED}, **{name: stats[name] for name in OF_CALLS},
            **{name: self.sums[name] for name in PAIRED},
            "difference": change["difference"], "difference_low": change["low"], "difference_high": change["high"],
            **{name: stats[name] for name in TIMES}, "time_ratio": stats["time_ratio"]}}


def _mode(record: dict) -> str:
    """The `think` that was sent, as text."""
    return {None: "false", True: "true"}.get(record["mode"], record["mode"])
