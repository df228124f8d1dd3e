"""The comparison: two runs call by call, and for each figure whether they differ by more than chance.

Each call of B is compared with the call of A for the same prompt. The median is over the ratios, so prompts of different
lengths can share it. The interval covers the noise within the two runs, not the noise between runs of one machine.
"""
from __future__ import annotations

import collections
from typing import Dict, List, Tuple

from base import names, records
from base.ledger_records import CallRecord
from base.phases import FROZEN, PARALLEL_MIXED
from base.records import COMPARED
from derive import call_metrics, run_diff
from derive.aggregate import CallMetrics
from derive.run_diff import ComparedRun
from derive.distribution import METHOD, Sample, Stat

RATIOS = run_diff.SPEED             # the last is a wave's, the others are of calls
TIMES = ("ttft_ms", "total_ms")     # more of these is slower
MIN_PAIRS = 6               # of fewer pairs even the whole range holds the median in less than 95 % of all cases
MAX_CHANGES = 200           # answers of one cell that are named one by one
CHANCE = 20                 # one in so many equal runs may show a difference of answers by chance


class ComparedCall:
    """What one call came to: its part of RATIOS (None: it supports no metric), and the status of its answer."""

    __slots__ = ("prompt", "tokens", "in_wave", "values", "status")   # there are many

    def __init__(self, call: CallRecord, metrics: CallMetrics | None, status: str | None):
        self.prompt, self.tokens, self.in_wave = call.prompt_sha256, call.eval_tokens, call.wave is not None
        self.values = metrics and tuple(getattr(metrics, name) for name in RATIOS[:-1])
        self.status = status


class BaselineCalls:
    """Observes run A: what each call came to, until the same call of B comes. `only` is a model, None for all."""

    def __init__(self, only: str | None = None):
        self.calls: Dict[tuple, ComparedCall] = {}
        self.waves: Dict[tuple, float] = {}
        self._only = only

    def call(self, call: CallRecord, metrics: CallMetrics | None, status: str | None) -> None:
        if self.is_wanted(call):
            self.calls.setdefault(call_key(call), ComparedCall(call, metrics, status))

    def wave(self, wave: List[CallRecord]) -> None:
        """Short waves and those in which a call failed have no rate."""
        rate = wave_rate(wave)
        if rate is not None and self.is_wanted(*wave):
            self.waves.setdefault(wave_key(wave), rate)

    def is_wanted(self, *calls: CallRecord) -> bool:
        return self._only is None or any(names.model_key(call.model) == self._only for call in calls)


class PairedCalls:
    """Observes run B: pairs each call with A's. What is left in A afterwards, B does not have."""

    def __init__(self, remembered: BaselineCalls):
        self.cells: Dict[tuple, PairedCell] = {}
        self._a = remembered

    def call(self, call: CallRecord, metrics: CallMetrics | None, status: str | None) -> None:
        if self._a.is_wanted(call):
            key, b = call_key(call), ComparedCall(call, metrics, status)
            self._cell(cell_key(key, b)).add(call, self._a.calls.pop(key, None), b)

    def wave(self, wave: List[CallRecord]) -> None:
        rate, before = wave_rate(wave), self._a.waves.pop(wave_key(wave), None)
        if rate is not None and before is not None:
            models, phase, level, _ = wave_key(wave)
            self._cell((models, phase, level)).ratios["wave_tok_s"].add(rate / before)

    def finish(self) -> Dict[tuple, "PairedCell"]:
        """(models, phase, level): its Cell, with what B does not have counted."""
        for key, call in self._a.calls.items():
            self._cell(cell_key(key, call)).only_a += 1
        self._a.calls.clear()
        return self.cells

    def _cell(self, key: tuple) -> "PairedCell":
        return self.cells.setdefault(key, PairedCell())


class PairedCell:
    """Pairs of one model, phase and level."""

    def __init__(self) -> None:
        self.pairs = self.only_a = self.only_b = self.unlike = self.failed_a = self.failed_b = 0
        self.ratios = {name: Sample() for name in RATIOS}
        self.statuses: collections.Counter = collections.Counter()
        self.changes: list = []

    def add(self, call: CallRecord, a: ComparedCall | None, b: ComparedCall) -> None:
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

    def _statuses(self, call: CallRecord, a: str | None, b: str | None) -> None:
        if a is None or b is None:
            return
        self.statuses[a, b] += 1
        if a != b and len(self.changes) < MAX_CHANGES:
            self.changes.append({"item": call.item, "pass": call.pass_, "repeat": call.repeat, "a": a, "b": b})


def call_key(call: CallRecord) -> tuple:
    """What a call of one run and a call of the other have in common."""
    phase, model, *rest = call.key
    return (phase, names.model_key(model), *rest)


def cell_key(key: tuple, call: ComparedCall) -> tuple:
    phase, model, _, _, _, level = key
    return (model,), phase, level if call.in_wave else None


def wave_key(wave: List[CallRecord]) -> tuple:
    """(models, phase, level, number) of a wave."""
    models = sorted({names.model_key(call.model) for call in wave})
    return tuple(models), wave[0].phase, wave[0].level, wave[0].wave


def wave_rate(wave: List[CallRecord]) -> float | None:
    """Tokens a second of a full wave."""
    return call_metrics.wave_tok_s(wave) if len(wave) == wave[0].level else None


def document(a: ComparedRun, b: ComparedRun, pairs: PairedCalls) -> dict:
    """The `comparison` record, once both ledgers were read. Where nothing at all may be compared there is no cell."""
    differences = run_diff.differences(a, b)
    cells = []
    for (models, phase, level), cell in pairs.finish().items():
        barred = run_diff.barred(differences, phase, models)
        if len(barred) < len(COMPARED):
            cells.append({**_place(a, b, models, phase, level), **_counts(cell),
                          "figures": _figures(cell, models, phase, level, barred),
                          "answers": _answers(cell, barred.get("answers"))})
    same_run = a.metadata["run_id"] == b.metadata["run_id"]
    comparable = any(_supports(cell) for cell in cells)
    return {
        "schema": records.COMPARISON_VERSION, "synthetic": a.metadata["synthetic"] or b.metadata["synthetic"],
        "statistics": METHOD, "a": _run_record(a), "b": _run_record(b), "same_run": same_run, "comparable": comparable,
        "noise_floor": comparable and not same_run and run_diff.is_alike(differences), "differences": differences,
        "cells": cells, "unremembered": 0,
    }


def _supports(cell: dict) -> bool:
    return any(row["n"] for row in cell["figures"]) or bool(cell["answers"] and cell["answers"]["n"])


def _run_record(side: ComparedRun) -> dict:
    metadata = side.metadata
    return {**{name: metadata[name] for name in ("run_id", "ledger_sha256", "synthetic", "device_tag", "started_at", "complete",
                                              "planned", "done")}, "verdict": metadata["verdict"]["verdict"]}


def _place(a: ComparedRun, b: ComparedRun, models: tuple, phase: str, level: int | None) -> dict:
    records = {**b.models, **a.models}
    compared = a.together if phase == PARALLEL_MIXED else models
    model_names = [records[model]["name"] if model in records else model for model in models]
    return {"models": model_names, "phase": phase, "level": level, "same_model": run_diff.is_same_model(a, b, compared)}


def _counts(cell: PairedCell) -> dict:
    counts = {name: getattr(cell, name) for name in ("pairs", "only_a", "only_b", "unlike", "failed_a", "failed_b")}
    return {**counts, "pairs": cell.pairs or cell.ratios["wave_tok_s"].n}


def _figures(cell: PairedCell, models: tuple, phase: str, level: int | None, barred: dict) -> list:
    """The `compared_figure` records; a wave of several models is in no model's cell, and has no calls in its own."""
    has_waves = level is not None and (phase != PARALLEL_MIXED or cell.ratios["wave_tok_s"].n > 0)
    wanted = RATIOS[-1:] if len(models) > 1 else RATIOS if has_waves else RATIOS[:-1]
    return [_figure(name, cell.ratios[name], barred.get(name)) for name in wanted]


def _figure(name: str, ratios: Sample, keys: list | None) -> dict:
    """The `compared_figure` record; `keys` are what leaves it out."""
    if keys:
        return {"figure": name, "n": 0, "ratio": None, "low": None, "high": None, "verdict": "not-compared",
                "says": _not_compared(keys)}
    stat = ratios.stat()
    verdict, says = verdict_on(name, stat)
    n, ratio, low, high = (0, None, None, None) if stat is None else (stat.n, stat.median, stat.low, stat.high)
    return {"figure": name, "n": n, "ratio": ratio, "low": low, "high": high, "verdict": verdict, "says": says}


def _not_compared(keys: list) -> str:
    return f"not compared: {', '.join(keys)} {'differs' if len(keys) == 1 else 'differ'}"


def verdict_on(name: str, ratios: Stat | None) -> Tuple[str, str]:
    """(verdict, the same in words) of the ratios of one metric."""
    if ratios is None or ratios.n < MIN_PAIRS:
        return "none-shown", f"no difference shown: fewer than {MIN_PAIRS} pairs"
    if ratios.low <= 1 <= ratios.high:
        return "none-shown", "no difference shown"
    percent, is_more = _percent(abs(ratios.median - 1)), ratios.median > 1
    verdict = "slower" if is_more == (name in TIMES) else "faster"
    return verdict, f"B takes {percent} {'more' if is_more else 'less'} time" if name in TIMES else f"B is {percent} {verdict}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else "less than 0.1 %"


def _answers(cell: PairedCell, keys: list | None) -> dict | None:
    """The `compared_answers` record; None where nothing has a right answer."""
    if not cell.statuses:
        return None
    statuses = cell.statuses
    kept, gained, lost = statuses["right", "right"], statuses["wrong", "right"], statuses["right", "wrong"]
    counts = {"n": kept + gained + lost + statuses["wrong", "wrong"], "right_a": kept + lost, "right_b": kept + gained,
              "gained": gained, "lost": lost}
    changed = sum(count for (before, after), count in statuses.items() if before != after)
    if keys:
        return {**dict.fromkeys(counts, 0), "verdict": "not-compared", "says": _not_compared(keys),
                "changed": 0, "changes": []}
    if is_chance(gained, lost):
        verdict, says = "none-shown", "no difference shown"
    else:
        verdict, says = ("more-right", "B answers more right") if gained > lost else ("fewer-right", "B answers fewer right")
    return {**counts, "verdict": verdict, "says": says, "changed": changed, "changes": cell.changes}


def is_chance(gained: int, lost: int) -> bool:
    """Whether so many answers of `gained` + `lost` that changed may well go one way by chance: the two-sided sign test."""
    changed, tail, ways = gained + lost, 1, 1
    for fewer in range(min(gained, lost)):      # ways to choose; from the one before, as there may be thousands
        ways = ways * (changed - fewer) // (fewer + 1)
        tail += ways
    return 2 * tail * CHANCE >= 2 ** changed


def noise(comparison: dict) -> dict:
    """figure: how far from 1 the ends of its intervals reach, for the frozen prompts of two runs that are alike."""
    reach: dict = {}
    for cell in comparison["cells"]:
        for row in cell["figures"]:
            if cell["phase"] == FROZEN and row["n"] >= MIN_PAIRS:
                reach[row["figure"]] = max(reach.get(row["figure"], 0), abs(row["low"] - 1), abs(row["high"] - 1))
    return {name: reach[name] for name in COMPARED if name in reach}
