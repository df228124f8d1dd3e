"""Pooling: several runs of one model on one device become one cell. Medians over runs and over calls are both given.

Variants (digests) are never pooled with each other. Withheld runs count in the figures; what only they have is not shown.
A pool is what the runs of a cell add up to: one more run is added to it without reading the others.
"""
from __future__ import annotations

import bisect
from array import array
from dataclasses import dataclass, field
from typing import Any, Dict, List, NamedTuple, Optional

from base import json_text
from base.phases import FROZEN, KINDS
from derive import headline
from derive.headline import HEADLINE
from derive.distribution import rounded
from judge import plausibility, thresholds
from publish import headline_figures, page_inputs, run_contribution
from publish.context_figures import LadderTotals, count
from publish.headline_figures import ALONE, ANSWERS, CODE, RECALL
from publish.phase_totals import CallCounts, Counts, PhaseTotals, in_order
from publish.run_contribution import CellRun
from publish.values import add, no_values, stat_of

FULLY_OFFLOADED = 0.99  # of the model on the accelerator; what servers report differs by less from load to load
OVER_RUNS = ("memory_bytes", "offload_share", "cold_load_ms")


class PooledCell(NamedTuple):
    """`record` is the `cell` record without by_run; `by_run` has for each of its variants the `run_in_cell` records as JSON."""
    record: dict
    by_run: List[List[bytes]]

    def data(self) -> List[bytes]:
        """The record with by_run as JSON, in pieces."""
        pieces = [json_text.dumps({**self.record, "variants": []}).encode("ascii")[:-2]]
        for place, (variant, runs) in enumerate(zip(self.record["variants"], self.by_run)):
            pieces += [b"," if place else b"", json_text.dumps(variant).encode("ascii")[:-1], b',"by_run":[', b",".join(runs), b"]}"]
        return [*pieces, b"]}\n"]


@dataclass
class VariantTotals:
    """The runs of one digest. The lists of runs begin with [start, id] of each: they are in order, the oldest first."""
    runs: int = 0
    counts: CallCounts = field(default_factory=CallCounts)
    shown: List[List[Any]] = field(default_factory=list)        # [start, id, its `run_in_cell` record as JSON]
    newest: Dict[str, Any] = field(default_factory=dict)        # the contribution of the newest run shown, without phases
    device_tag: str = ""
    always_thinks: List[List[Any]] = field(default_factory=list)    # [start, id, always_thinks] of the runs shown that say
    handles: List[str] = field(default_factory=list)
    versions: List[List[Any]] = field(default_factory=list)     # [start, id, place, version] of the oldest run shown with a version
    verdicts: Counts = field(default_factory=dict)
    warnings: Counts = field(default_factory=dict)
    grades: Counts = field(default_factory=dict)
    over_runs: Dict[str, array] = field(default_factory=lambda: {name: no_values() for name in OVER_RUNS})
    ladder: LadderTotals = field(default_factory=LadderTotals)
    phases: Dict[str, PhaseTotals] = field(default_factory=dict)

    def add(self, run: CellRun) -> None:
        contribution, began = run.contribution, [run.started_at, run.run_id]
        self.runs += 1
        if run.row is not None:
            self._add_shown(run.row, contribution, began)
        count(self.verdicts, contribution["verdict"] or "none")
        for code in contribution["warnings"]:
            count(self.warnings, code)
        for name in OVER_RUNS:
            add(self.over_runs[name], contribution[name])
        self.ladder.add(run.row is not None, contribution.get("served_context"))
        for row in contribution["phases"]:
            self.counts.add(row)
            self.phases.setdefault(row["phase"], PhaseTotals()).add(run.row is not None, began, row)

    def _add_shown(self, row: dict, contribution: dict, began: List[str]) -> None:
        if not self.shown or began > self.shown[-1][:2]:
            self.newest = {name: value for name, value in contribution.items() if name != "phases"}
            self.device_tag = row["device_tag"]
        bisect.insort(self.shown, [*began, _run_in_cell(began[1], contribution["phases"])])
        if contribution.get("always_thinks") is not None:
            bisect.insort(self.always_thinks, [*began, contribution["always_thinks"]])
        if row["handle"] not in self.handles:
            self.handles.append(row["handle"])
        for place, version in enumerate(row["server_versions"]):
            self._add_version([*began, place, version])
        count(self.grades, row["site_grade"])

    def _add_version(self, seen: List[Any]) -> None:
        same = [known for known in self.versions if known[3] == seen[3]]
        if not same or seen < same[0]:
            self.versions = [known for known in self.versions if known[3] != seen[3]]
            bisect.insort(self.versions, seen)

    def record(self, machine: dict) -> dict:
        """The `variant` record without by_run. `machine` comes from publish/device_summary.py."""
        phases = [self.phases[name].record(name) for name in KINDS if name in self.phases and self.phases[name].shown]
        ladder = self.ladder.record()
        headline = {**headline_of({record["phase"]: record for record in phases}), "largest_context": ladder and ladder["num_ctx"]}
        over_runs = {name: stat_of(values) for name, values in self.over_runs.items()}
        return {
            "runs": self.runs, "withheld": self.runs - len(self.shown), **self.counts.record(),
            **{name: self.newest[name] for name in run_contribution.MODEL_FIELDS},
            "handles": len(self.handles), "oldest": self.shown[0][0], "newest": self.shown[-1][0],
            "server_versions": [version for *_, version in self.versions],
            "verdicts": in_order(self.verdicts), "warnings": in_order(self.warnings), "grades": in_order(self.grades), **over_runs,
            "always_thinks": self.always_thinks[-1][2] if self.always_thinks else None,
            "ladder": ladder, "headline": headline,
            "bound": bound(self.newest, headline["decode_tok_s"], machine, over_runs["offload_share"]), "phases": phases}


def _run_in_cell(run_id: str, phases: List[dict]) -> bytes:
    by_name = {phase["phase"]: {**phase, **{part: run_contribution.without_values(phase[part]) for part in ("groups", "waves")}} for phase in phases}
    record = {"run_id": run_id, "phases": [by_name[name] for name in KINDS if name in by_name]}
    return json_text.dumps(record).encode("ascii")


@dataclass
class CellPool:
    """All runs of a cell. `keys` are those of the contributions that were added."""
    keys: List[str] = field(default_factory=list)
    variants: Dict[str, VariantTotals] = field(default_factory=dict)

    def add(self, key: str, run: CellRun) -> None:
        self.keys.append(key)
        self.variants.setdefault(run.contribution["digest"], VariantTotals()).add(run)

    def record(self, machine: dict) -> Optional[PooledCell]:
        """None where no run is shown."""
        shown = [(totals.record(machine), totals) for totals in self.variants.values() if totals.shown]
        if not shown:
            return None
        shown.sort(key=lambda pair: (pair[0]["newest"], pair[0]["digest"]), reverse=True)
        variants, first = [record for record, _ in shown], shown[0][1]
        cell_id, model = first.newest["cell_id"], first.newest["model"]
        record = {"runs": sum(record["runs"] for record in variants), "withheld": sum(record["withheld"] for record in variants),
                  "cell_id": cell_id, "page": page_inputs.page_of_cell(cell_id), "data": page_inputs.data_of_cell(cell_id),
                  "device_tag": first.device_tag, "model": model, "model_id": page_inputs.model_id(model), "variants": variants}
        return PooledCell(record, [[text for *_, text in reversed(totals.shown)] for _, totals in shown])


# ----- headline

def headline_of(phases: Dict[str, dict]) -> dict:
    """The `headline` record; `phases` maps names to `cell_phase` records."""
    levels = [level for level in phases.get(ALONE, {"levels": []})["levels"] if level["tok_s"]]
    alone = next((level["tok_s"] for level in levels if level["level"] == 1), None)
    most = headline_figures.best_level(levels, _median)
    by_fill = _decode_by_fill(phases)
    emptiest, fullest = (by_fill[0], by_fill[-1]) if by_fill else ((None, None), (None, None))
    quality = phases.get("small-eval", {}).get("quality")
    thoughtful = phases.get("small-eval-thinking", {}).get("quality")
    drift = phases.get(FROZEN, {}).get("drift")
    return {
        **{name: headline.stat_of(name, phases) for name in HEADLINE},
        "answers": headline_figures.share(phases, ANSWERS), "code": headline_figures.share(phases, CODE),
        "recall": headline_figures.recall(phases), "correct_per_minute": quality["correct_per_minute"] if quality else None,
        "tok_s_alone": alone, "tok_s_most": most["tok_s"] if most else None, "most_level": most["level"] if most else None,
        "concurrency_gain": rounded(_median(most["tok_s"]) / _median(alone)) if most and alone else None,
        "decode_full": fullest[1], "full_fill": fullest[0],
        "context_cost": rounded(1 - _median(fullest[1]) / _median(emptiest[1])) if len(by_fill) > 1 else None,
        "drift": drift["decode"] if drift else None, "time_to_correct_ms": quality["time_to_correct_ms"] if quality else None,
        "answers_thinking": headline_figures.share(phases, headline_figures.ANSWERS_THINKING),
        "code_thinking": headline_figures.share(phases, headline_figures.CODE_THINKING),
        "time_to_correct_thinking_ms": thoughtful["time_to_correct_ms"] if thoughtful else None,
    }


def _decode_by_fill(phases: Dict[str, dict]) -> List[tuple]:
    """(fill, spread of decode) of the context-edge prompts that were answered, the emptiest first."""
    groups = [group for group in phases.get(RECALL, {"groups": []})["groups"] if group["item"] is not None]
    return sorted(((group["fill"], group["figures"]["decode_tok_s"]) for group in groups if group["figures"]["decode_tok_s"]),
                  key=lambda pair: pair[0])


def bound(model: dict, decode: Optional[dict], machine: dict, offload: Optional[dict]) -> Optional[dict]:
    """The `bound` record; None where not all weights are read for each token, or not from the memory that is known."""
    gb_s = machine["bandwidth_gb_s"]
    is_split = machine["model_memory_kind"] == "accelerator" and (offload is None or offload["median"] < FULLY_OFFLOADED)
    is_cached = model["size_bytes"] < thresholds.value("small_model_bytes")
    if decode is None or gb_s is None or is_split or is_cached or plausibility.has_experts({**model, "name": model["model"]}):
        return None
    bound_tok_s = gb_s * 1e9 / model["size_bytes"]
    return {"bandwidth_gb_s": gb_s, "bandwidth_of": machine["bandwidth_of"], "size_bytes": model["size_bytes"],
            "bound_tok_s": rounded(bound_tok_s), "decode_tok_s": _median(decode), "share": rounded(_median(decode) / bound_tok_s)}


def _median(spread: dict) -> float:
    return spread["over_runs"]["median"]
