"""Harvest: what one run gives to the catalogue: its row, and for each model what is pooled with other runs.

Everything is computed from the ledger. A contribution holds, beside the run's own statistics, the values they were made
from: quartiles over several runs cannot be had from quartiles.
"""
from __future__ import annotations

import math

from base import names
from base.records.catalogue_fields import BY_RUN, FIGURES
from derive.aggregate import CONTEXT, Cell, FROZEN
from derive.distribution import rounded
from publish import page_inputs

BY_ITEM = (FROZEN,) + CONTEXT           # the phases whose items are points of a curve; elsewhere all items stand together
ANSWERS, CODE = ("small-eval", "parallel-same"), ("python-tasks",)
COUNTS = ("n", "passed", "censored", "ungraded", "failed")
Z = 1.959964                            # 95 % of a normal distribution lie within so many deviations


def contributions(device_tag: str, manifest: dict, metadata: dict, cells: dict) -> list:
    """One for each model of the run, in their order. `cells` maps (model, phase) to the Cell with its samples.

    The device tag is that of the run's folder: a manifest may have none.
    """
    warned = [(row["model"], row["code"]) for row in metadata["warnings"]]
    found = []
    for model, calibrated in zip(manifest["models"], metadata["models"]):
        name, place = model["name"], calibrated["placement"] or {}
        size, video = place.get("size_bytes"), place.get("vram_bytes")
        phases = [_phase(row, cells[name, row["phase"]]) for row in metadata["aggregates"] if row["model"] == name]
        found.append({
            "cell_id": names.cell_id(device_tag, name), "model": names.full_name(name),
            **{key: model[key] for key in ("digest", "size_bytes", "family", "parameter_size", "quantization", "format",
                                           "context_length")},
            "memory_bytes": size, "offload_share": rounded(video / size) if size and video is not None else None,
            "cold_load_ms": (calibrated["cold_load_ms"] or {}).get("median"),
            "warnings": sorted({code for about, code in warned if about in (name, None)}),
            "verdict": metadata["verdict"]["verdict"], "phases": phases,
        })
    return found


def _phase(row: dict, cell: Cell) -> dict:
    """A `run_phase` record whose groups and waves have `values` as well: the samples, by figure."""
    groups, sampled = [], cell.groups       # made anew each time it is asked for
    for group in row["groups"]:
        key = group["item"], group["pass"], group["level"], group["fill"]
        if group["item"] is None or row["phase"] in BY_ITEM:
            samples = {name: sampled[key].sample(name) for name in FIGURES}
            groups.append({**{name: group[name] for name in ("item", "pass", "level", "fill", "calls")},
                           "metrics": {name: group["metrics"][name] for name in BY_RUN},
                           "values": {name: _values(sample) for name, sample in samples.items() if sample.n}})
    waves = [{**wave, "values": {"tok_s": _values(cell.waves[wave["level"]].tok_s),
                                 "parallelism": _values(cell.waves[wave["level"]].parallelism)}} for wave in row["waves"]]
    kept = ("phase", "calls", "outcomes", "void", "reattempts", "skips", "prefill_basis", "quality", "drift")
    return {**{name: row[name] for name in kept}, "groups": groups, "waves": waves}


def _values(sample: object) -> list:
    return [rounded(value) for value in sample.values()]


def without_values(phase: dict) -> dict:
    """The `run_phase` record alone."""
    return {**phase, **{part: [{name: value for name, value in one.items() if name != "values"} for one in phase[part]]
                        for part in ("groups", "waves")}}


def row(place: object, manifest: dict, metadata: dict, counts: dict, grade: str, unmet: dict | None, entry: dict,
        given: list) -> dict:
    """The `catalogue_run` record. `place` is the run's judge.tree_layout.Place, `entry` what the overlay says of it."""
    run_id, warnings = manifest["run_id"], {}
    for warning in metadata["warnings"]:
        warnings[warning["code"]] = warnings.get(warning["code"], 0) + 1
    return {
        "run_id": run_id, "page": page_inputs.page_of_run(run_id), "raw": page_inputs.raw_of_run(run_id),
        "folder": place.path, "handle": place.handle, "device_tag": place.device_tag, "synthetic": metadata["synthetic"],
        "visibility": "public", "started_at": manifest["started_at"], "ended_at": metadata["ended_at"],
        **{name: metadata[name] for name in ("complete", "planned", "done", "skipped", "outcomes", "sessions")},
        "verdict": metadata["verdict"]["verdict"], "warnings": warnings, "findings": counts, "site_grade": grade,
        "unmet": unmet, "server_versions": metadata["server_versions"],
        **{name: manifest[name] for name in ("harness_version", "harness_modified")},
        "phases": list(dict.fromkeys(line["phase"] for line in manifest["plan"])), "models": [_model(one) for one in given],
        "superseded_by": entry.get("superseded_by"), "notes": entry.get("notes", []), "blurb_md": entry.get("janie_blurb_md"),
    }


def _model(given: dict) -> dict:
    """The `run_model` record of a contribution."""
    phases = {phase["phase"]: phase for phase in given["phases"]}
    best = max((wave for wave in phases.get("parallel-same", {"waves": []})["waves"] if wave["tok_s"]),
               key=lambda wave: (wave["tok_s"]["median"], -wave["level"]), default=None)
    return {**{name: given[name] for name in ("cell_id", "model", "digest")},
            "decode_tok_s": _figure(phases, None, "decode_tok_s"), "ttft_ms": _figure(phases, "P-MEDIUM", "ttft_ms"),
            "prefill_tok_s": _figure(phases, "P-HARD", "prefill_tok_s"),
            "answers": share(phases, ANSWERS),
            "code": share(phases, CODE),
            "tok_s_most": best["tok_s"] if best else None, "most_level": best["level"] if best else None}


def _figure(phases: dict, item: str | None, name: str) -> dict | None:
    """A figure of the frozen prompts before all else."""
    for group in phases.get(FROZEN, {"groups": []})["groups"]:
        if (group["item"], group["pass"]) == (item, "first"):
            return group["metrics"][name]
    return None


def share(phases: dict, wanted: tuple) -> dict | None:
    """The `share` record of one run's answers in the wanted phases; None where nothing was asked."""
    asked = [name for name in wanted if name in phases and phases[name]["quality"]]
    if not asked:
        return None
    return {**of_counts([phases[name]["quality"] for name in asked]), "runs": 1, "phases": asked}


def of_counts(found: list) -> dict:
    """Counts added up, and the share of right answers with its interval."""
    counts = {name: sum(one[name] for one in found) for name in COUNTS}
    low, high = wilson(counts["passed"], counts["n"]) if counts["n"] else (None, None)
    return {**counts, "share": rounded(counts["passed"] / counts["n"]) if counts["n"] else None, "low": low, "high": high}


def wilson(passed: int, n: int) -> tuple:
    """95 % interval of a share; of 5 right answers out of 5 it does not say that all answers are right."""
    middle = (passed + Z * Z / 2) / (n + Z * Z)
    reach = Z * math.sqrt(passed * (n - passed) / n + Z * Z / 4) / (n + Z * Z)
    return rounded(max(0.0, middle - reach)), rounded(min(1.0, middle + reach))
