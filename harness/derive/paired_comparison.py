"""Compare two runs call by call, and decide for each figure whether they differ by more than chance.

Each call of B is paired with the call of A for the same prompt. The median is taken over the ratios, so that prompts of
different lengths can share it. Its interval covers the noise within the two runs, not the noise between runs of one machine.
"""
from __future__ import annotations

import collections
from typing import Dict, List, Optional, Tuple

from base import names, records
from base.ledger_records import CallRecord
from base.phases import FROZEN, PARALLEL_MIXED
from base.records import COMPARED
from derive import call_metrics, run_diff
from derive.aggregate import CallMetrics
from derive.paired_answers import is_chance
from derive.run_diff import ComparedRun
from derive.distribution import METHOD, Sample, Stat

RATIOS = run_diff.SPEED             # the last one belongs to waves, the others to calls
TIMES = ("ttft_ms", "total_ms")     # more is slower
MIN_PAIRS = 6               # with fewer, even the whole range holds the median in less than 95 % of all cases
MAX_CHANGES = 200           # changed answers of one cell that are recorded one by one

Models = Tuple[str, ...]                            # their keys
CallKey = Tuple[str, str, str, Optional[str], int, int]         # phase, model, item, pass, repeat, level
CellKey = Tuple[Models, str, Optional[int]]         # models, phase, level (None: not in a wave)
WaveKey = Tuple[Models, str, int, Optional[int]]    # models, phase, level, number of the wave


class ComparedCall:
    """The result of one call: its values of RATIOS (None: it has no metrics), and the status of its answer."""

    __slots__ = ("prompt", "tokens", "in_wave", "values", "status")   # a run has thousands of calls

    def __init__(self, call: CallRecord, metrics: Optional[CallMetrics], status: Optional[str]):
        self.prompt, self.tokens, self.in_wave = call.prompt_sha256, call.eval_tokens, call.wave is not None
        self.values: Optional[Tuple[Optional[float], ...]] = metrics and tuple(getattr(metrics, name) for name in RATIOS[:-1])
        self.status = status


class BaselineCalls:
    """Observes run A and keeps the result of each call until the same call of B is read. `only` is a model, None for all."""

    def __init__(self, only: Optional[str] = None):
        self.calls: Dict[CallKey, ComparedCall] = {}
        self.waves: Dict[WaveKey, float] = {}
        self._only = only

    def call(self, call: CallRecord, metrics: Optional[CallMetrics], status: Optional[str]) -> None:
        if self.is_wanted(call):
            self.calls.setdefault(call_key(call), ComparedCall(call, metrics, status))

    def wave(self, wave: List[CallRecord]) -> None:
        """Short waves, and waves with a failed call, have no rate."""
        rate = wave_rate(wave)
        if rate is not None and self.is_wanted(*wave):
            self.waves.setdefault(wave_key(wave), rate)

    def is_wanted(self, *calls: CallRecord) -> bool:
        return self._only is None or any(names.model_key(call.model) == self._only for call in calls)


class PairedCalls:
    """Observes run B and pairs each call with that of A. Calls of A that remain afterwards are missing in B."""

    def __init__(self, baseline: BaselineCalls):
        self.cells: Dict[CellKey, PairedCell] = {}
        self._a = baseline

    def call(self, call: CallRecord, metrics: Optional[CallMetrics], status: Optional[str]) -> None:
        if self._a.is_wanted(call):
            key, b = call_key(call), ComparedCall(call, metrics, status)
            self._cell(cell_key(key, b)).add(call, self._a.calls.pop(key, None), b)

    def wave(self, wave: List[CallRecord]) -> None:
        rate, before = wave_rate(wave), self._a.waves.pop(wave_key(wave), None)
        if rate is not None and before is not None:
            models, phase, level, _ = wave_key(wave)
            self._cell((models, phase, level)).ratios["wave_tok_s"].add(rate / before)

    def finish(self) -> Dict[CellKey, PairedCell]:
        """All cells, once the calls that B lacks are counted in them."""
        for key, call in self._a.calls.items():
            self._cell(cell_key(key, call)).only_a += 1
        self._a.calls.clear()
        return self.cells

    def _cell(self, key: CellKey) -> PairedCell:
        return self.cells.setdefault(key, PairedCell())


class PairedCell:
    """The pairs of one model, phase and level."""

    def __init__(self) -> None:
        self.pairs = self.only_a = self.only_b = self.unlike = self.failed_a = self.failed_b = 0
        self.ratios = {name: Sample() for name in RATIOS}
        self.statuses: collections.Counter[Tuple[str, str]] = collections.Counter()
        self.changes: List[dict] = []

    def add(self, call: CallRecord, a: Optional[ComparedCall], b: ComparedCall) -> None:
        if a is None:
            self.only_b += 1
        elif a.prompt != b.prompt:
            self.unlike += 1
        else:
            self.pairs += 1
            self.failed_a += a.values is None
            self.failed_b += b.values is None
            self._ratios(a, b)
            self._statuses(call, a.status, b.status)

    def _ratios(self, a: ComparedCall, b: ComparedCall) -> None:
        for name, before, now in zip(RATIOS, a.values or (), b.values or ()):
            if before and now and (name != "total_ms" or a.tokens == b.tokens):
                self.ratios[name].add(now / before)

    def _statuses(self, call: CallRecord, a: Optional[str], b: Optional[str]) -> None:
        if a is None or b is None:
            return
        self.statuses[a, b] += 1
        if a != b and len(self.changes) < MAX_CHANGES:
            self.changes.append({"item": call.item, "pass": call.pass_, "repeat": call.repeat, "a": a, "b": b})


def call_key(call: CallRecord) -> CallKey:
    """The key by which a call of one run is paired with a call of the other."""
    phase, model, item, pass_, repeat, level = call.key
    return phase, names.model_key(model), item, pass_, repeat, level


def cell_key(key: CallKey, call: ComparedCall) -> CellKey:
    phase, model, _, _, _, level = key
    return (model,), phase, level if call.in_wave else None


def wave_key(wave: List[CallRecord]) -> WaveKey:
    models = sorted({names.model_key(call.model) for call in wave})
    return tuple(models), wave[0].phase, wave[0].level, wave[0].wave


def wave_rate(wave: List[CallRecord]) -> Optional[float]:
    """Tokens per second of a full wave; None for a short one."""
    return call_metrics.wave_tok_s(wave) if len(wave) == wave[0].level else None


def document(a: ComparedRun, b: ComparedRun, pairs: PairedCalls) -> dict:
    """The `comparison` record, once both ledgers were read. Cells without any comparable figure are left out."""
    differences = run_diff.differences(a, b)
    cells = []
    for (models, phase, level), cell in pairs.finish().items():
        excluded = run_diff.exclusions(differences, phase, models)
        if len(excluded) < len(COMPARED):
            cells.append({**_place(a, b, models, phase, level), **_counts(cell),
                          "figures": _figures(cell, models, phase, level, excluded),
                          "answers": _answers(cell, excluded.get("answers"))})
    same_run = a.metadata["run_id"] == b.metadata["run_id"]
    comparable = any(_has_result(cell) for cell in cells)
    return {
        "schema": records.COMPARISON_VERSION, "synthetic": a.metadata["synthetic"] or b.metadata["synthetic"],
        "statistics": METHOD, "a": _run_record(a), "b": _run_record(b), "same_run": same_run, "comparable": comparable,
        "noise_floor": comparable and not same_run and run_diff.is_alike(differences), "differences": differences,
        "cells": cells, "unremembered": 0,
    }


def _has_result(cell: dict) -> bool:
    return any(row["n"] for row in cell["figures"]) or bool(cell["answers"] and cell["answers"]["n"])


def _run_record(side: ComparedRun) -> dict:
    metadata = side.metadata
    return {**{name: metadata[name] for name in ("run_id", "ledger_sha256", "synthetic", "device_tag", "started_at", "complete",
                                              "planned", "done")}, "verdict": metadata["verdict"]["verdict"]}


def _place(a: ComparedRun, b: ComparedRun, models: Models, phase: str, level: Optional[int]) -> dict:
    by_key = {**b.models, **a.models}
    compared = a.together if phase == PARALLEL_MIXED else models
    model_names = [by_key[model]["name"] if model in by_key else model for model in models]
    return {"models": model_names, "phase": phase, "level": level, "same_model": run_diff.is_same_model(a, b, compared)}


def _counts(cell: PairedCell) -> dict:
    counts = {name: getattr(cell, name) for name in ("pairs", "only_a", "only_b", "unlike", "failed_a", "failed_b")}
    return {**counts, "pairs": cell.pairs or cell.ratios["wave_tok_s"].n}


def _figures(cell: PairedCell, models: Models, phase: str, level: Optional[int], excluded: Dict[str, List[str]]) -> List[dict]:
    """The `compared_figure` records. The cell of a wave of several models has no calls: they are in the cells of their models."""
    has_waves = level is not None and (phase != PARALLEL_MIXED or cell.ratios["wave_tok_s"].n > 0)
    wanted = RATIOS[-1:] if len(models) > 1 else RATIOS if has_waves else RATIOS[:-1]
    return [_figure(name, cell.ratios[name], excluded.get(name)) for name in wanted]


def _figure(name: str, ratios: Sample, keys: Optional[List[str]]) -> dict:
    """The `compared_figure` record; `keys` are the differences that exclude it."""
    if keys:
        return {"figure": name, "n": 0, "ratio": None, "low": None, "high": None, "verdict": "not-compared",
                "says": not_compared(keys)}
    stat = ratios.stat()
    verdict, says = verdict_on(name, stat)
    n, ratio, low, high = (0, None, None, None) if stat is None else (stat.n, stat.median, stat.low, stat.high)
    return {"figure": name, "n": n, "ratio": ratio, "low": low, "high": high, "verdict": verdict, "says": says}


def not_compared(keys: List[str]) -> str:
    """Why a figure is not compared; `keys` are the differences that exclude it."""
    return f"not compared: {', '.join(keys)} {'differs' if len(keys) == 1 else 'differ'}"


def verdict_on(name: str, ratios: Optional[Stat]) -> Tuple[str, str]:
    """(verdict, its sentence) for the ratios of one metric."""
    if ratios is None or ratios.n < MIN_PAIRS or ratios.low is None or ratios.high is None:
        return "none-shown", f"no difference shown: fewer than {MIN_PAIRS} pairs"
    if ratios.low <= 1 <= ratios.high:
        return "none-shown", "no difference shown"
    percent, is_more = _percent(abs(ratios.median - 1)), ratios.median > 1
    verdict = "slower" if is_more == (name in TIMES) else "faster"
    return verdict, f"B takes {percent} {'more' if is_more else 'less'} time" if name in TIMES else f"B is {percent} {verdict}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else "less than 0.1 %"


def _answers(cell: PairedCell, keys: Optional[List[str]]) -> Optional[dict]:
    """The `compared_answers` record; None where no item is graded."""
    if not cell.statuses:
        return None
    statuses = cell.statuses
    kept, gained, lost = statuses["right", "right"], statuses["wrong", "right"], statuses["right", "wrong"]
    counts = {"n": kept + gained + lost + statuses["wrong", "wrong"], "right_a": kept + lost, "right_b": kept + gained,
              "gained": gained, "lost": lost}
    changed = sum(count for (before, after), count in statuses.items() if before != after)
    if keys:
        return {**dict.fromkeys(counts, 0), "verdict": "not-compared", "says": not_compared(keys),
                "changed": 0, "changes": []}
    if is_chance(gained, lost):
        verdict, says = "none-shown", "no difference shown"
    else:
        verdict, says = ("more-right", "B answers more right") if gained > lost else ("fewer-right", "B answers fewer right")
    return {**counts, "verdict": verdict, "says": says, "changed": changed, "changes": cell.changes}


def noise(comparison: dict) -> Dict[str, float]:
    """figure: the largest distance of an interval's end from 1, for the frozen prompts of two runs without a difference."""
    reach: Dict[str, float] = {}
    for cell in comparison["cells"]:
        for row in cell["figures"]:
            if cell["phase"] == FROZEN and row["n"] >= MIN_PAIRS:
                reach[row["figure"]] = max(reach.get(row["figure"], 0), abs(row["low"] - 1), abs(row["high"] - 1))
    return {name: reach[name] for name in COMPARED if name in reach}
