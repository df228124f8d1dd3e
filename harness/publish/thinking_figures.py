"""Thinking figures: the thinking of several runs as one record of a cell's phase."""
from __future__ import annotations

import collections
from typing import Iterable, List, Optional, Tuple

from derive import paired_answers
from derive.distribution import Sample

SUMMED = ("thought", "cut_by_budget", "cut_otherwise")
OF_CALLS = ("tokens", "budget_share", "first_answer_ms")
PAIRED = ("pairs", "unpaired", "right_plain", "right_thinking", "gained", "lost")
TIMES = ("time_to_correct_plain_ms", "time_to_correct_thinking_ms")


def of_phase(rows: List[Tuple[bool, dict]]) -> dict:
    """{"thinking": the `cell_thinking` record} of (is_shown, a run's phase); nothing where no shown run has any."""
    records = [row["thinking"] for _, row in rows if "thinking" in row]
    if not any(is_shown and "thinking" in row for is_shown, row in rows):
        return {}
    pairs = [record["answers"] for record in records if record["answers"]]
    counts = {name: sum(pair[name] for pair in pairs) for name in PAIRED}
    change = paired_answers.difference(counts["pairs"], counts["gained"], counts["lost"])
    return {"thinking": {
        "runs": len(records), "modes": dict(sorted(collections.Counter(map(_mode, records)).items())),
        "budget": _stat(record["budget"] for record in records),
        **{name: sum(record[name] for record in records) for name in SUMMED},
        **{name: _medians(record[name] for record in records) for name in OF_CALLS}, **counts,
        "difference": change["difference"], "difference_low": change["low"], "difference_high": change["high"],
        **{name: _medians(pair[name] for pair in pairs) for name in TIMES},
        "time_ratio": _stat(pair["time_ratio"]["ratio"] for pair in pairs if pair["time_ratio"]),
    }}


def _mode(record: dict) -> str:
    """The `think` that was sent, as text."""
    return {None: "false", True: "true"}.get(record["mode"], record["mode"])


def _medians(stats: Iterable[Optional[dict]]) -> Optional[dict]:
    return _stat(stat["median"] for stat in stats if stat)


def _stat(values: Iterable[float]) -> Optional[dict]:
    return Sample(values).record()
