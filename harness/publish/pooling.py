"""Pooling: several runs of one model on one device become one cell. Medians over runs and over calls are both given.

Variants (digests) are never pooled with each other. Withheld runs count in the figures; what only they have is not shown.
"""
from __future__ import annotations

import collections
from typing import Dict, Iterable, List, Optional, Tuple

from base.phases import FROZEN, KINDS
from base.records import FIGURES
from derive import headline
from derive.headline import HEADLINE
from derive.distribution import Sample, quantile, rounded
from judge import plausibility, thresholds
from publish import context_figures, headline_figures, page_inputs, run_contribution, thinking_figures
from publish.headline_figures import ALONE, ANSWERS, CODE, RECALL

FULLY_OFFLOADED = 0.99  # of the model on the accelerator; what servers report differs by less from load to load


class CellRun:
    """One run's contribution to a cell. `row` is the `catalogue_run` record; None for a withheld run."""

    def __init__(self, run_id: str, started_at: str, row: Optional[dict], contribution: dict):
        self.run_id, self.started_at, self.row, self.contribution = run_id, started_at, row, contribution
        self.phases = {phase["phase"]: phase for phase in contribution["phases"]}

    @property
    def is_shown(self) -> bool:
        return self.row is not None


def cell(runs: List[CellRun], machine: dict) -> Optional[dict]:
    """The `cell` record with by_run; None where no run is shown. `machine` comes from publish/device_summary.py."""
    by_digest: Dict[str, List[CellRun]] = {}
    for run in sorted(runs, key=lambda run: (run.started_at, run.run_id), reverse=True):
        by_digest.setdefault(run.contribution["digest"], []).append(run)
    variants = [variant(same, machine) for same in by_digest.values() if any(run.is_shown for run in same)]
    if not variants:
        return None
    variants.sort(key=lambda record: (record["newest"], record["digest"]), reverse=True)
    first = next(run for run in runs if run.is_shown)
    cell_id, model = first.contribution["cell_id"], first.contribution["model"]
    return {"runs": sum(record["runs"] for record in variants), "withheld": sum(record["withheld"] for record in variants),
            "cell_id": cell_id, "page": page_inputs.page_of_cell(cell_id), "data": page_inputs.data_of_cell(cell_id),
            "device_tag": first.row["device_tag"], "model": model, "model_id": page_inputs.model_id(model), "variants": variants}


def variant(runs: List[CellRun], machine: dict) -> dict:
    """The `variant` record of runs with one digest, newest first."""
    shown = [run for run in runs if run.is_shown]
    newest = shown[0].contribution
    phases = [phase(name, [run for run in runs if name in run.phases]) for name in KINDS
              if any(name in run.phases for run in shown)]
    ladder = context_figures.ladder([(run.is_shown, run.contribution.get("served_context")) for run in runs])
    headline = {**headline_of({record["phase"]: record for record in phases}), "largest_context": ladder and ladder["num_ctx"]}
    over_runs = {name: _stat(run.contribution[name] for run in runs) for name in ("memory_bytes", "offload_share", "cold_load_ms")}
    return {
        "runs": len(runs), "withheld": len(runs) - len(shown), **_call_counts([row for run in runs for row in run.phases.values()]),
        **{name: newest[name] for name in run_contribution.MODEL_FIELDS},
        "handles": len({run.row["handle"] for run in shown}), "oldest": shown[-1].started_at, "newest": shown[0].started_at,
        "server_versions": list(dict.fromkeys(version for run in reversed(shown) for version in run.row["server_versions"])),
        "verdicts": _tally(run.contribution["verdict"] or "none" for run in runs),
        "warnings": _tally(code for run in runs for code in run.contribution["warnings"]),
        "grades": _tally(run.row["site_grade"] for run in shown), **over_runs,
        "always_thinks": next((run.contribution["always_thinks"] for run in shown if run.contribution.get("always_thinks") is not None), None),
        "ladder": ladder, "headline": headline,
        "bound": bound(newest, headline["decode_tok_s"], machine, over_runs["offload_share"]), "phases": phases,
        "by_run": [{"run_id": run.run_id, "phases": [run_contribution.without_values(run.phases[name]) for name in KINDS
                                                     if name in run.phases]} for run in shown],
    }


# In the following, each pair is (is_shown, a part of that run's record).

def phase(name: str, runs: List[CellRun]) -> dict:
    """The `cell_phase` record."""
    rows = [(run.is_shown, run.phases[name]) for run in runs]
    qualities = [(is_shown, row["quality"]) for is_shown, row in rows if row["quality"]]
    drifts = [(is_shown, row["drift"]) for is_shown, row in rows if row["drift"]]
    return {
        **_call_counts([row for _, row in rows]), "phase": name, "runs": len(rows),
        "prefill_bases": sorted({row["prefill_basis"] for _, row in rows if row["prefill_basis"]}),
        "quality": _quality(qualities) if _any_shown(qualities) else None,
        "groups": [_group(key, pairs) for key, pairs in _by_key(rows, "groups", run_contribution.GROUP_KEY)],
        "levels": [_level(key, pairs) for key, pairs in _by_key(rows, "waves", ("level", "models"))],
        "drift": _drift(drifts) if _any_shown(drifts) else None,
        **thinking_figures.of_phase(rows), **context_figures.of_phase(rows),
    }


def _any_shown(pairs: Iterable[tuple]) -> bool:
    return any(is_shown for is_shown, _ in pairs)


def _by_key(rows: List[tuple], part: str, names: Tuple[str, ...]) -> List[tuple]:
    """(key, pairs of groups or waves) for each key of a shown run, sorted."""
    by_key: dict = {}
    for is_shown, row in rows:
        for group in row[part]:
            key = tuple(tuple(group[name]) if name == "models" else group[name] for name in names)
            by_key.setdefault(key, []).append((is_shown, group))
    return sorted(((key, pairs) for key, pairs in by_key.items() if _any_shown(pairs)),
                  key=lambda item: tuple((value is not None, value if value is not None else 0) for value in item[0][::-1]))


def _group(key: tuple, groups: List[tuple]) -> dict:
    return {**dict(zip(run_contribution.GROUP_KEY, key)), "runs": len(groups), "calls": sum(group["calls"] for _, group in groups),
            "figures": {name: _spread(groups, name) for name in FIGURES}}


def _level(key: tuple, waves: List[tuple]) -> dict:
    return {"level": key[0], "models": list(key[1]), "runs": len(waves),
            **{name: sum(wave[name] for _, wave in waves) for name in ("full", "short", "failed")},
            "serialised": sum(bool(wave["serialised"]) for _, wave in waves),
            **{name: _spread(waves, name) for name in ("tok_s", "parallelism")}}


def _spread(groups: List[tuple], name: str) -> Optional[dict]:
    """The `spread` record of a figure; None where no shown run has it."""
    having = [(is_shown, group["values"][name]) for is_shown, group in groups if group["values"].get(name)]
    if not _any_shown(having):
        return None
    return {"over_runs": _stat(rounded(quantile(values, 0.5)) for _, values in having),
            "over_calls": _stat(value for _, values in having for value in values)}


def _quality(pairs: List[tuple]) -> dict:
    qualities = [quality for _, quality in pairs]
    shown = {(row["fill"], row["place"]) for is_shown, quality in pairs if is_shown for row in quality["recall"]}
    recall: dict = {}
    for row in (row for quality in qualities for row in quality["recall"] if (row["fill"], row["place"]) in shown):
        counts = recall.setdefault((row["fill"], row["place"]), [0, 0])
        counts[0] += row["n"]
        counts[1] += row["found"]
    return {**headline_figures.share_of(qualities),
            "over_runs": _stat(quality["passed"] / quality["n"] for quality in qualities if quality["n"]),
            "correct_per_minute": _stat(quality["correct_per_minute"] for quality in qualities),
            "time_to_correct_ms": _stat((quality["time_to_correct_ms"] or {}).get("median") for quality in qualities),
            "recall": [{"fill": fill, "place": place, "n": n, "found": recalled}
                       for (fill, place), (n, recalled) in sorted(recall.items())]}


def _drift(pairs: List[tuple]) -> dict:
    drifts = [drift for _, drift in pairs]
    return {**{name: _stat((drift[name] or {}).get("ratio") for drift in drifts) for name in ("decode", "prefill", "ttft")},
            "not_judged": sum(drift["why"] is not None for drift in drifts)}


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


def _call_counts(phases: List[dict]) -> dict:
    return {**{name: sum(row[name] for row in phases) for name in ("calls", "void", "reattempts")},
            **{name: _sum(row[name] for row in phases) for name in ("outcomes", "skips")}}


def _sum(counts: Iterable[dict]) -> dict:
    total: collections.Counter = collections.Counter()
    for by_name in counts:
        total.update(by_name)
    return dict(sorted(total.items()))


def _tally(values: Iterable[str]) -> dict:
    return dict(sorted(collections.Counter(values).items()))


def _stat(values: Iterable) -> Optional[dict]:
    return Sample(values).record()
