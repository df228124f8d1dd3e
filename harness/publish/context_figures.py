"""Context figures: the context ladders of several runs as one record of a cell, and a rung as one of a cell's phase."""
from __future__ import annotations

import collections
from typing import Iterable, List, Optional, Tuple

from derive.distribution import Sample, rounded

OVER_RUNS = ("num_ctx", "prompt_tokens", "prefill_tok_s", "decode_tok_s", "ttft_ms", "middle_found_tokens", "partial_from")


def ladder(pairs: List[Tuple[bool, Optional[dict]]]) -> Optional[dict]:
    """The `cell_ladder` record of (is_shown, a run's `served_context`); None where no shown run climbed it."""
    served = [record for _, record in pairs if record]
    if not any(is_shown and record for is_shown, record in pairs):
        return None
    found = [record["middle_found"] for record in served if record["middle_found"] is not None]
    return {"runs": len(served), **{name: _stat(record[name] for record in served) for name in OVER_RUNS},
            "middle_found": sum(found), "middle_asked": len(found), "ended_by": _tally(record["ended_by"] for record in served)}


def of_phase(rows: List[Tuple[bool, dict]]) -> dict:
    """{"rung": the `cell_rung` record} of (is_shown, a run's phase); nothing where no shown run has one."""
    rungs = [row["rung"] for _, row in rows if "rung" in row]
    if not any(is_shown and "rung" in row for is_shown, row in rows):
        return {}
    shares = (rung["vram_bytes"] / rung["size_bytes"] for rung in rungs if rung["size_bytes"] and rung["vram_bytes"] is not None)
    return {"rung": {
        "runs": len(rungs), "num_ctx": next((rung["num_ctx"] for rung in rungs if rung["num_ctx"]), None),
        **{name: _stat(rung[name] for rung in rungs) for name in ("context_length", "size_bytes")},
        "offload_share": _stat(map(rounded, shares)), "load_ms": _stat(rung["load_ms"] for rung in rungs),
        "stopped_by": _tally(rung["stopped_by"] for rung in rungs)}}


def _tally(reasons: Iterable[Optional[str]]) -> dict:
    return dict(sorted(collections.Counter(filter(None, reasons)).items()))


def _stat(values: Iterable[Optional[float]]) -> Optional[dict]:
    return Sample(values).record()
