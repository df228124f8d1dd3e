"""Whether the machine was stable during the run, judged from its telemetry and from the frozen prompts."""
from __future__ import annotations

import functools
from typing import Dict, FrozenSet, Optional, Set, Tuple

from base import names
from base.json_text import Json
from base.ledger_records import CallRecord
from base.phases import FROZEN
from derive import call_metrics
from derive.aggregate import Aggregate
from derive.distribution import Sample, Stat, rounded

DRIFT_LIMIT = 0.05              # smaller than a change that a person would notice, or that an update of the server would cause
THROTTLED_LIMIT = 0.05          # of the readings; a single one is a spike at a load
CLOCK_LIMIT = 0.9               # of the clock at the start
BACKGROUND_LIMIT = 0.10         # of all processors, at the median of the moments in which nothing ran
SWAP_LIMIT_BYTES = 1_000_000    # for each reading, at the median: a machine that swaps moves far more
CONTENDED_LIMIT = 0.10          # of the calls for which this is known; a single one may be a program that starts
PLACEMENT_SHARE = 0.01          # of the model; a server's own figures differ by less from load to load


class MachineConditions:
    """What the ledger's conditions and placements show, over all models. `models` are the names of the run's own."""

    def __init__(self, models: Set[str]) -> None:
        self._models = {names.model_key(name) for name in models}
        self.looked_for_others = False  # the harness read what others used during each call; since 2026-11-28
        self.calls_seen = self.contended = self.suspended = 0     # calls in which others could be seen; of which contended
        self.placed_calls = 0
        self.others_loaded: FrozenSet[str] | None = None      # models of others that were loaded at every call
        self.readings = self.on_battery = 0
        self.flags_known = self.throttled = 0
        self.background, self.swap_bytes = Sample(), Sample()
        self.seen_before: Dict[str, Dict[str, Optional[float]]] = {}    # by model and pass of the frozen prompts: the last known background load
        self._seen_last: float | None = None
        self.clocks: Dict[str, Dict[str, Sample]] = {}      # by model and pass, of the frozen prompts
        self._shares: Dict[Tuple[str, Json], float] = {}    # by model and context: the share on accelerators that was seen first
        self.moved: Dict[str, int] = {}                     # by model: how many calls saw another one
        self._foreign = functools.lru_cache(maxsize=64)(self._models_of_others)      # a run sees few lists of models

    def add(self, call: CallRecord) -> None:
        """A call. The records of a wave share one reading; it is counted once."""
        if call.is_measured:
            self._place(call)
        state = call.conditions
        if state is None or call.slot:
            return
        self.readings += 1
        if call.is_measured:
            self._contention(call, state)
        self.on_battery += state["power_source"] == "battery"
        self.background.add(state["background_cpu_share"])
        if state["background_cpu_share"] is not None:
            self._seen_last = state["background_cpu_share"]
        if state["throttled"] is not None:
            self.flags_known += 1
            self.throttled += bool(state["throttled"] or any(accelerator["throttled"] for accelerator in state["accelerators"] or ()))
        if state["swapped_in_bytes"] is not None and state["swapped_out_bytes"] is not None:
            self.swap_bytes.add(state["swapped_in_bytes"] + state["swapped_out_bytes"])
        if call.phase == FROZEN and call.is_measured and call.pass_:
            by_pass = self.clocks.setdefault(call.model, {"first": Sample(), "last": Sample()})
            by_pass[call.pass_].add(state["clock_mhz"])
            self.seen_before.setdefault(call.model, {}).setdefault(call.pass_, self._seen_last)

    def _contention(self, call: CallRecord, state: dict) -> None:
        self.looked_for_others = self.looked_for_others or "others_cpu_share" in state
        self.suspended += (state.get("suspended_s") or 0) >= call_metrics.SUSPENDED_S
        is_contended = call_metrics.is_contended(call)
        if is_contended is not None:
            self.calls_seen += 1
            self.contended += is_contended

    def _place(self, call: CallRecord) -> None:
        place = call.placement
        if place is None:
            return
        self.placed_calls += 1
        if self.others_loaded is None or self.others_loaded:
            foreign = self._foreign(tuple(place["loaded"]))
            self.others_loaded = foreign if self.others_loaded is None else self.others_loaded & foreign
        if place["size_bytes"]:
            share = share_on_accelerators(place)
            before = self._shares.setdefault((call.model, call.options.get("num_ctx")), share)
            if is_other_place(before, share):
                self.moved[call.model] = self.moved.get(call.model, 0) + 1

    def _models_of_others(self, loaded: Tuple[str, ...]) -> FrozenSet[str]:
        return frozenset(name for name in loaded if names.model_key(name) not in self._models)


def share_on_accelerators(placement: dict) -> float:
    """Of a model that is loaded."""
    return (placement["vram_bytes"] or 0) / placement["size_bytes"]


def is_other_place(share_before: float, share_after: float) -> bool:
    """Whether the share of a model that is on the accelerators has changed."""
    return abs(share_before - share_after) > PLACEMENT_SHARE


def drift(aggregate: Aggregate, conditions: MachineConditions) -> dict | None:
    """The `drift` record of a model's frozen prompts; None for other phases."""
    if aggregate.phase != FROZEN:
        return None
    why = None
    if not any(sample.n for sample in aggregate.ratios.values()):
        why = "no frozen prompt has figures both before and after all else"
    elif conditions.moved.get(aggregate.model):
        why = "the model's placement changed in between"
    return {**{name: None if why else _ratio(sample.stat()) for name, sample in aggregate.ratios.items()}, "why": why}


def _ratio(stat: Stat | None) -> dict | None:
    return None if stat is None else {"n": stat.n, "ratio": stat.median, "low": stat.low, "high": stat.high}


def is_apart(ratio: dict | None) -> bool:
    """Further from 1 than the limit."""
    return ratio is not None and abs(ratio["ratio"] - 1) > DRIFT_LIMIT


def has_drifted(ratio: dict | None) -> bool:
    """The same, with an interval that leaves 1 out."""
    return ratio is not None and is_apart(ratio) and ratio["low"] is not None and not ratio["low"] <= 1 <= ratio["high"]


def judgement(drifts: dict, conditions: MachineConditions) -> dict:
    """The `judgement` record. `drifts` maps models to their `drift` records."""
    rows = _evidence(drifts, conditions)
    beyond = {(row["code"], row["model"]) for row, is_beyond in rows if is_beyond}
    slower = {model for code, model in beyond if code == "decode-drift" and drifts[model]["decode"]["ratio"] < 1}
    codes = {code for code, _ in beyond}
    if "throttle-flags" in codes or any(("clock-drop", model) in beyond for model in slower):
        verdict, why = "throttled", "the processors ran slower than they can"
    elif codes & {"background-load", "swapping"}:
        verdict, why = "contended", "something else used this machine"
    elif "contended-calls" in codes:
        verdict, why = "contended", f"something else used this machine during {conditions.contended} of {conditions.calls_seen} calls"
    elif any({("decode-drift", model), ("background-shift", model)} <= beyond for model in drifts):
        verdict, why = "contended", "something else used this machine for a part of the time"
    elif "decode-drift" in codes:
        reason = "no reason was seen" if conditions.calls_seen or not conditions.looked_for_others else (
            "what else used this machine could not be seen")
        verdict, why = "drifting", f"decode at the end differs from the start, and {reason}"
    elif any(record["decode"] for record in drifts.values()):
        decode = "decode at the end differs from the start by no more than chance gives" if any(
            is_apart(record["decode"]) for record in drifts.values()) else "decode at the end is as at the start"
        load = ("others used this machine for a part of the time" if "background-shift" in codes else
                  "nothing else used this machine as far as it tells")
        verdict, why = "clean", f"{decode}, and {load}"
    else:
        verdict, why = None, "the frozen prompts have no figures from before and after"
    return {"verdict": verdict, "why": why, "evidence": [row for row, _ in rows]}


def _evidence(drifts: dict, conditions: MachineConditions) -> list:
    """(`evidence` record, whether it is beyond its limit) for everything that could be looked at."""
    rows = []
    for model, record in drifts.items():
        ratio = record["decode"]
        if ratio is not None:
            limit = 1 - DRIFT_LIMIT if ratio["ratio"] < 1 else 1 + DRIFT_LIMIT
            rows.append((_row("decode-drift", model, ratio["ratio"], limit, ratio["n"]), has_drifted(ratio)))
    for model, clocks in conditions.clocks.items():
        first, last = clocks["first"].median(), clocks["last"].median()
        if first and last:
            rows.append((_row("clock-drop", model, last / first, CLOCK_LIMIT, clocks["last"].n), last / first < CLOCK_LIMIT))
    for model, shares in conditions.seen_before.items():
        first, last = shares.get("first"), shares.get("last")
        if first is not None and last is not None:
            limit = BACKGROUND_LIMIT if last >= first else -BACKGROUND_LIMIT
            rows.append((_row("background-shift", model, last - first, limit, 2), abs(last - first) > BACKGROUND_LIMIT))
    if conditions.flags_known:
        share = conditions.throttled / conditions.flags_known
        rows.append((_row("throttle-flags", None, share, THROTTLED_LIMIT, conditions.flags_known), share > THROTTLED_LIMIT))
    if conditions.calls_seen:
        share = conditions.contended / conditions.calls_seen
        rows.append((_row("contended-calls", None, share, CONTENDED_LIMIT, conditions.calls_seen), share > CONTENDED_LIMIT))
    for code, sample, limit in (("background-load", conditions.background, BACKGROUND_LIMIT),
                                ("swapping", conditions.swap_bytes, SWAP_LIMIT_BYTES)):
        median = sample.median()
        if median is not None:
            rows.append((_row(code, None, median, limit, sample.n), median > limit))
    return rows


def _row(code: str, model: str | None, observed: float, expected: float, n: int) -> dict:
    return {"code": code, "model": model, "observed": rounded(observed), "expected": rounded(expected), "n": n}
