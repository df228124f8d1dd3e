"""The rules for warnings: what a reader should know before trusting a figure. Warnings are values in metadata.json."""
from __future__ import annotations

from typing import Callable, Dict, Iterator

from base.phases import CONTEXT_PHASES
from base.target import is_local
from derive import stability
from derive.aggregate import Aggregate, Group, GroupKey
from derive.distribution import Sample, rounded

SAME_ITEMS = 3              # questions with one answer; of two a guess may be the same
FEW = 5                     # calls; with fewer, quartiles mean nothing
SPREAD_LIMIT = 0.25         # of the median, between the quartiles
CLOCKS_LIMIT = 0.10         # of one clock's rate, at the median
COLLAPSE_LIMIT = 0.8        # of the rate of one call alone
FILL_LIMIT = 0.05           # of the fillable context; material comes in whole units
COLD_FACTOR = 5             # a load takes a multiple of the load time reported for a loaded model, and
COLD_MS = 200.0             # more than that ever is: up to some 100 ms, while the server polls a new runner every 250 ms
LATE_US = 5000.0            # what the harness may add to a time to first token; the timer of the operating system is finer


def cold_ms(warm: Sample) -> float:
    """The time from which on a load was a load from disk."""
    return max(COLD_MS, COLD_FACTOR * (warm.median() or 0.0))


def of_aggregate(aggregate: Aggregate, groups: Dict[GroupKey, Group], metrics: Dict[GroupKey, dict], drift: dict | None) -> Iterator[dict]:
    """Every warning about one model in one phase, from its groups and their metrics."""
    def warn(code: str, observed: float | None, expected: float | None, n: int, level: int | None = None) -> dict:
        return {"code": code, "model": aggregate.model, "phase": aggregate.phase, "level": level, "observed": rounded(observed),
                "expected": rounded(expected), "n": n}

    for (item, pass_, level, _), records in metrics.items():
        stat = records["decode_tok_s"] if item is None and pass_ != "last" else None
        if stat is None:
            continue
        n, spread = stat["n"], stat["q3"] - stat["q1"]
        if n < FEW:
            yield warn("few-samples", n, FEW, n, level)
        elif level in (None, 1) and spread > SPREAD_LIMIT * stat["median"]:
            yield warn("wide-spread", spread / stat["median"], SPREAD_LIMIT, n, level)
    clocks = aggregate.clock_ratio.median()
    if clocks is not None and abs(clocks - 1) > CLOCKS_LIMIT:
        yield warn("clocks-disagree", clocks, 1, aggregate.clock_ratio.n)
    yield from _of_waves(aggregate, warn)
    if aggregate.void:
        yield warn("truncated", None, None, aggregate.void)
    if aggregate.recomputed.n:
        yield warn("prefix-recomputed", aggregate.recomputed.median(), 0, aggregate.recomputed.n)
    if aggregate.turns_unclear:
        yield warn("prefix-unclear", None, None, aggregate.turns_unclear)
    yield from _of_fills(aggregate, groups, warn)
    reloads = aggregate.load_ms.above(cold_ms(aggregate.load_ms))
    if reloads:
        yield warn("reload", max(aggregate.load_ms.values()), cold_ms(aggregate.load_ms), reloads)
    for code, count in (("context-reduced", aggregate.context_reduced), ("thinking-spent", aggregate.thinking_spent),
                        ("thinking-uncalled", aggregate.thinking_uncalled), ("partial-offload", aggregate.partial), ("bunched", aggregate.bunched),
                        ("contended-calls", aggregate.contended)):
        if count:
            yield warn(code, None, None, count)
    if aggregate.quality.same_answers >= SAME_ITEMS:
        yield warn("same-answer", None, None, aggregate.quality.same_answers)
    if drift is not None and stability.has_drifted(drift["decode"]):
        yield warn("drift", drift["decode"]["ratio"], 1, drift["decode"]["n"])


def _of_waves(aggregate: Aggregate, warn: Callable) -> Iterator[dict]:
    alone = aggregate.waves[1].tok_s.median() if 1 in aggregate.waves else None
    for level, waves in aggregate.waves.items():
        if waves.is_serialised:
            yield warn("serialised", waves.parallelism.median(), level, waves.full, level)
        rate = waves.tok_s.median()
        if level > 1 and alone and rate is not None and rate < COLLAPSE_LIMIT * alone:
            yield warn("collapse", rate, alone, waves.full, level)


def _of_fills(aggregate: Aggregate, groups: Dict[GroupKey, Group], warn: Callable) -> Iterator[dict]:
    for (_, _, _, fill), group in groups.items():
        reached = group.sample("fill_reached").median() if aggregate.phase in CONTEXT_PHASES else None
        if reached is not None and fill is not None and abs(reached - fill) > FILL_LIMIT:
            yield warn("fill-missed", reached, fill, group.calls)


def of_calibration(model: str, finding: dict) -> Iterator[dict]:
    """Warnings about what calibration found for a model."""
    if finding.get("too_long") == "answered":
        yield {"code": "num-ctx-ignored", "model": model, "phase": None, "level": None,
               "observed": rounded(finding.get("too_long_prompt_tokens")), "expected": None, "n": 1}
    if finding.get("always_thinks"):
        yield {"code": "always-thinks", "model": model, "phase": None, "level": None, "observed": None, "expected": None, "n": 1}


def of_run(conditions: stability.MachineConditions, target: str, floors: list, versions: list) -> Iterator[dict]:
    """Warnings about the whole run. `floors` are the sessions' timing floors, `versions` their servers' versions."""
    def warn(code: str, n: int, model: str | None = None, observed: float | None = None,
             expected: float | None = None) -> dict:
        return {"code": code, "model": model, "phase": None, "level": None, "observed": rounded(observed),
                "expected": rounded(expected), "n": n}

    if not is_local(target):
        yield warn("remote-server", 1)
    if len(set(versions)) > 1:
        yield warn("servers-differ", len(set(versions)))
    for model, count in conditions.moved.items():
        yield warn("placement-changed", count, model)
    if conditions.on_battery:
        yield warn("on-battery", conditions.on_battery)
    if conditions.others_loaded and conditions.looked_for_others:      # a run of before 2026-11-28 has no such warning
        yield warn("other-model-loaded", conditions.placed_calls)
    if conditions.suspended:
        yield warn("suspended", conditions.suspended)
    late = max((floor["ttft_error_us_max"] for floor in floors if floor), default=0)
    if late > LATE_US:
        yield warn("slow-instrument", sum(1 for floor in floors if floor), None, late, LATE_US)
