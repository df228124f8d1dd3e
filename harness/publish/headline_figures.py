"""Headline figures: shares of right answers and the best level of a model, read in the same way from one run and from a cell.

A phase is a `run_phase` record (statistics over calls) or a `cell_phase` record (spreads over runs and calls).
"""
from __future__ import annotations

import math
from typing import Callable, Dict, Iterable, List, Optional, Tuple

from derive.distribution import rounded

ANSWERS, CODE, RECALL, ALONE = ("small-eval", "parallel-same"), ("python-tasks",), "context-edge", "parallel-same"
ANSWERS_THINKING, CODE_THINKING = ("small-eval-thinking", "parallel-same-thinking"), ("python-tasks-thinking",)
COUNTS = ("n", "passed", "censored", "ungraded", "failed")
Z = 1.959964                            # 95 % of a normal distribution lie within so many deviations

Phases = Dict[str, dict]                # name of a phase: its record


def best_level(levels: Iterable[dict], median: Callable[[dict], float]) -> Optional[dict]:
    """The level with the highest throughput in all, the lower one of two that are equal."""
    measured = [level for level in levels if level["tok_s"]]
    return max(measured, key=lambda level: (median(level["tok_s"]), -level["level"]), default=None)


def share(phases: Phases, names: Tuple[str, ...]) -> Optional[dict]:
    """The `share` record of right answers in these phases; None where none of them was graded."""
    graded = [name for name in names if phases.get(name, {}).get("quality")]
    if not graded:
        return None
    return {**share_of([phases[name]["quality"] for name in graded]),
            "runs": max(phases[name].get("runs", 1) for name in graded), "phases": graded}


def recall(phases: Phases) -> Optional[dict]:
    """The `share` record of planted facts that were recalled; each answer has several."""
    quality = phases.get(RECALL, {}).get("quality")
    if not quality or not quality["recall"]:
        return None
    counts = {**dict.fromkeys(COUNTS, 0), "n": sum(row["n"] for row in quality["recall"]),
              "passed": sum(row["found"] for row in quality["recall"])}
    return {**share_of([counts]), "runs": phases[RECALL].get("runs", 1), "phases": [RECALL]}


def share_of(qualities: List[dict]) -> dict:
    """Sums of the counts, and the share of right answers with its interval."""
    counts = {name: sum(quality[name] for quality in qualities) for name in COUNTS}
    low, high = wilson(counts["passed"], counts["n"]) if counts["n"] else (None, None)
    return {**counts, "share": rounded(counts["passed"] / counts["n"]) if counts["n"] else None, "low": low, "high": high}


def wilson(passed: int, n: int) -> tuple:
    """Wilson's 95 % interval of a share: 5 right answers of 5 do not mean that every answer is right."""
    middle = (passed + Z * Z / 2) / (n + Z * Z)
    reach = Z * math.sqrt(passed * (n - passed) / n + Z * Z / 4) / (n + Z * Z)
    return rounded(max(0.0, middle - reach)), rounded(min(1.0, middle + reach))
