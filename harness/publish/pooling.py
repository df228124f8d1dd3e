"""Cells: what several runs of one model on one device come to. Each run counts once, and each call counts once: both are told.

Variants, which are digests, are never pooled. Runs that are withheld count; what only they have is not told.
"""
from __future__ import annotations

from typing import Iterable

from base import suites
from base.records import FIGURES
from derive import call_metrics
from derive.aggregate import FROZEN
from derive.distribution import Sample, rounded
from judge import plausibility, thresholds
from publish import page_inputs, run_contribution

RECALL = "context-edge"
ALONE = "parallel-same"
MODEL = ("digest", "size_bytes", "family", "parameter_size", "quantization", "format", "context_length")
WHOLE = 0.99            # of a model: what servers tell of its place differs by less from load to load


class Given:
    """One run's contribution to a cell, with what is needed to place it. `row` is None for a withheld run."""

    def __init__(self, run_id: str, started_at: str, row: dict | None, contribution: dict):
        self.run_id, self.started_at, self.row, self.contribution = run_id, started_at, row, contribution
        self.phases = {phase["phase"]: phase for phase in contribution["phases"]}

    @property
    def is_shown(self) -> bool:
        return self.row is not None


def cell(given: list, machine: dict) -> dict | None:
    """The `cell` record with by_run; None where no run is shown. `machine` are the facts of publish/device_summary.py."""
    by_digest: dict = {}
    for one in sorted(given, key=lambda one: (one.started_at, one.run_id), reverse=True):
        by_digest.setdefault(one.contribution["digest"], []).append(one)
    variants = [variant(runs, machine) for runs in by_digest.values() if any(one.is_shown for one in runs)]
    if not variants:
        return None
    variants.sort(key=lambda found: (found["newest"], found["digest"]), reverse=True)
    first = next(one for one in given if one.is_shown)
    cell_id, model = first.contribution["cell_id"], first.contribution["model"]
    return {"runs": sum(found["runs"] for found in variants), "withheld": sum(found["withheld"] for found in variants),
            "cell_id": cell_id, "page": page_inputs.page_of_cell(cell_id), "data": page_inputs.data_of_cell(cell_id),
            "device_tag": first.row["device_tag"], "model": model, "model_id": page_inputs.model_id(model), "variants": variants}


def variant(given: list, machine: dict) -> dict:
    """The `variant` record of runs with one digest, newest first."""
    shown = [one for one in given if one.is_shown]
    newest = shown[0].contribution
    rows = [row for one in given for row in one.phases.values()]
    phases = [phase(name, [one for one in given if name in one.phases]) for name in _order(shown)]
    headline = headline_of({found["phase"]: found for found in phases})
    offload = _stat(one.contribution["offload_share"] for one in given)
    verdicts = [one.contribution["verdict"] or "none" for one in given]
    return {
        "runs": len(given), "withheld": len(given) - len(shown), **_work(rows), **{name: newest[name] for name in MODEL},
        "handles": len({one.row["handle"] for one in shown}), "oldest": shown[-1].started_at, "newest": shown[0].started_at,
        "server_versions": list(dict.fromkeys(version for one in reversed(shown) for version in one.row["server_versions"])),
        "verdicts": _tally(verdicts), "warnings": _tally(code for one in given for code in one.contribution["warnings"]),
        "grades": _tally(one.row["site_grade"] for one in shown),
        "memory_bytes": _stat(one.contribution["memory_bytes"] for one in given), "offload_share": offload,
        "cold_load_ms": _stat(one.contribution["cold_load_ms"] for one in given), "headline": headline,
        "bound": bound(newest, headline["decode_tok_s"], machine, offload), "phases": phases,
        "by_run": [{"run_id": one.run_id, "phases": [run_contribution.without_values(one.phases[name]) for name in suites.PHASES
                                                     if name in one.phases]} for one in shown],
    }


def _order(shown: list) -> list:
    return [name for name in suites.PHASES if any(name in one.phases for one in shown)]


def phase(name: str, given: list) -> dict:
    """The `cell_phase` record."""
    rows = [(one.is_shown, one.phases[name]) for one in given]
    quality = [(is_shown, row["quality"]) for is_shown, row in rows if row["quality"]]
    drifts = [(is_shown, row["drift"]) for is_shown, row in rows if row["drift"]]
    return {
        **_work([row for _, row in rows]), "phase": name, "runs": len(rows),
        "prefill_bases": sorted({row["prefill_basis"] for _, row in rows if row["prefill_basis"]}),
        "quality": _quality(quality) if any(is_shown for is_shown, _ in quality) else None,
        "groups": [_group(key, found) for key, found in _keyed(rows, "groups", ("item", "pass", "level", "fill"))],
        "levels": [_level(key, found) for key, found in _keyed(rows, "waves", ("level", "models"))],
        "drift": _drift(drifts) if any(is_shown for is_shown, _ in drifts) else None,
    }


def _keyed(rows: list, part: str, names: tuple) -> list:
    """(key, [(is shown, group)]) for each key that a run which is shown has, in order."""
    found: dict = {}
    for is_shown, row in rows:
        for group in row[part]:
            key = tuple(tuple(group[name]) if name == "models" else group[name] for name in names)
            found.setdefault(key, []).append((is_shown, group))
    return sorted(((key, groups) for key, groups in found.items() if any(is_shown for is_shown, _ in groups)),
                  key=lambda pair: tuple((value is not None, value if value is not None else 0) for value in pair[0][::-1]))


def _group(key: tuple, groups: list) -> dict:
    return {**dict(zip(("item", "pass", "level", "fill"), key)), "runs": len(groups),
            "calls": sum(group["calls"] for _, group in groups),
            "figures": {name: _spread(groups, name) for name in FIGURES}}


def _level(key: tuple, waves: list) -> dict:
    return {"level": key[0], "models": list(key[1]), "runs": len(waves),
            **{name: sum(wave[name] for _, wave in waves) for name in ("full", "short", "failed")},
            "serialised": sum(bool(wave["serialised"]) for _, wave in waves),
            **{name: _spread(waves, name) for name in ("tok_s", "parallelism")}}


def _spread(groups: list, name: str) -> dict | None:
    """The `spread` record of a figure; None where no run that is shown has it."""
    having = [(is_shown, group["values"][name]) for is_shown, group in groups if group["values"].get(name)]
    if not any(is_shown for is_shown, _ in having):
        return None
    return {"over_runs": _stat(rounded(call_metrics.quartiles(values)[1]) for _, values in having),
            "over_calls": _stat(value for _, values in having for value in values)}


def _quality(found: list) -> dict:
    every = [one for _, one in found]
    seen = {(row["fill"], row["place"]) for is_shown, one in found if is_shown for row in one["recall"]}
    recall: dict = {}
    for row in (row for one in every for row in one["recall"] if (row["fill"], row["place"]) in seen):
        counts = recall.setdefault((row["fill"], row["place"]), [0, 0])
        counts[0] += row["n"]
        counts[1] += row["found"]
    return {**run_contribution.of_counts(every), "over_runs": _stat(one["passed"] / one["n"] for one in every if one["n"]),
            "correct_per_minute": _stat(one["correct_per_minute"] for one in every),
            "time_to_correct_ms": _stat((one["time_to_correct_ms"] or {}).get("median") for one in every),
            "recall": [{"fill": fill, "place": place, "n": n, "found": good}
                       for (fill, place), (n, good) in sorted(recall.items())]}


def _drift(found: list) -> dict:
    every = [one for _, one in found]
    return {**{name: _stat((one[name] or {}).get("ratio") for one in every) for name in ("decode", "prefill", "ttft")},
            "not_judged": sum(one["why"] is not None for one in every)}


def headline_of(phases: dict) -> dict:
    """The `headline` record; `phases` maps names to `cell_phase` records."""
    levels = [level for level in phases.get(ALONE, {"levels": []})["levels"] if level["tok_s"]]
    alone = next((level["tok_s"] for level in levels if level["level"] == 1), None)
    most = max(levels, key=lambda level: (_middle(level["tok_s"]), -level["level"]), default=None)
    filled = _filled(phases)
    emptiest, fullest = (filled[0], filled[-1]) if filled else ((None, None), (None, None))
    quality = phases.get("small-eval", {}).get("quality")
    drift = phases.get(FROZEN, {}).get("drift")
    return {
        "decode_tok_s": _frozen(phases, None, "decode_tok_s"), "ttft_ms": _frozen(phases, "P-MEDIUM", "ttft_ms"),
        "prefill_tok_s": _frozen(phases, "P-HARD", "prefill_tok_s"),
        "energy_j_per_tok": _frozen(phases, None, "energy_j_per_tok"),
        "answers": _share(phases, run_contribution.ANSWERS), "code": _share(phases, run_contribution.CODE), "recall": _recall(phases),
        "correct_per_minute": quality["correct_per_minute"] if quality else None,
        "tok_s_alone": alone, "tok_s_most": most["tok_s"] if most else None, "most_level": most["level"] if most else None,
        "concurrency_gain": rounded(_middle(most["tok_s"]) / _middle(alone)) if most and alone else None,
        "decode_full": fullest[1], "full_fill": fullest[0],
        "context_cost": rounded(1 - _middle(fullest[1]) / _middle(emptiest[1])) if len(filled) > 1 else None,
        "drift": drift["decode"] if drift else None,
    }


def _filled(phases: dict) -> list:
    """(fill, spread of decode) of the context-edge prompts that were answered, the emptiest first."""
    groups = [group for group in phases.get(RECALL, {"groups": []})["groups"] if group["item"] is not None]
    return sorted(((group["fill"], group["figures"]["decode_tok_s"]) for group in groups if group["figures"]["decode_tok_s"]),
                  key=lambda one: one[0])


def _frozen(phases: dict, item: str | None, name: str) -> dict | None:
    for group in phases.get(FROZEN, {"groups": []})["groups"]:
        if (group["item"], group["pass"]) == (item, "first"):
            return group["figures"][name]
    return None


def _share(phases: dict, wanted: tuple) -> dict | None:
    asked = [name for name in wanted if phases.get(name, {}).get("quality")]
    if not asked:
        return None
    return {**run_contribution.of_counts([phases[name]["quality"] for name in asked]),
            "runs": max(phases[name]["runs"] for name in asked), "phases": asked}


def _recall(phases: dict) -> dict | None:
    """Facts that came back, as a share: each answer holds several."""
    quality = phases.get(RECALL, {}).get("quality")
    if not quality or not quality["recall"]:
        return None
    counts = {**dict.fromkeys(run_contribution.COUNTS, 0), "n": sum(row["n"] for row in quality["recall"]),
              "passed": sum(row["found"] for row in quality["recall"])}
    return {**run_contribution.of_counts([counts]), "runs": phases[RECALL]["runs"], "phases": [RECALL]}


def bound(model: dict, decode: dict | None, machine: dict, offload: dict | None) -> dict | None:
    """The `bound` record; None where not all weights are read for each token, or not from the memory that is known."""
    gb_s = machine["bandwidth_gb_s"]
    is_elsewhere = machine["model_memory_kind"] == "accelerator" and (offload is None or offload["median"] < WHOLE)
    is_cached = model["size_bytes"] < thresholds.value("small_model_bytes")
    if decode is None or gb_s is None or is_elsewhere or is_cached or plausibility.has_experts({**model, "name": model["model"]}):
        return None
    most = gb_s * 1e9 / model["size_bytes"]
    return {"bandwidth_gb_s": gb_s, "bandwidth_of": machine["bandwidth_of"], "size_bytes": model["size_bytes"],
            "bound_tok_s": rounded(most), "decode_tok_s": _middle(decode), "share": rounded(_middle(decode) / most)}


def _middle(spread: dict) -> float:
    return spread["over_runs"]["median"]


def _work(phases: Iterable[dict]) -> dict:
    rows = list(phases)
    return {**{name: sum(row[name] for row in rows) for name in ("calls", "void", "reattempts")},
            **{name: _sum(row[name] for row in rows) for name in ("outcomes", "skips")}}


def _sum(counts: Iterable[dict]) -> dict:
    found: dict = {}
    for one in counts:
        for name, count in one.items():
            found[name] = found.get(name, 0) + count
    return dict(sorted(found.items()))


def _tally(values: Iterable[str]) -> dict:
    return _sum({value: 1} for value in values)


def _stat(values: Iterable) -> dict | None:
    sample = Sample()
    sample.extend(values)
    return sample.stat()
