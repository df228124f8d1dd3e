"""Run contribution: what one run adds to the catalogue: its row, and for each of its models what is pooled with other runs.

All of it is computed from the ledger. A contribution has the values behind the run's statistics, since quartiles over
several runs cannot be computed from quartiles of each.
"""
from __future__ import annotations

import collections
import json
import pathlib
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

from base import files, json_text, names
from base.phases import CONTEXT_PHASES, FROZEN, RUNG_PHASES
from base.records.catalogue_fields import BY_RUN, FIGURES
from derive import headline
from derive.aggregate import Aggregate, Group, GroupKey
from derive.distribution import Sample, rounded
from judge.tree_layout import RunPlace
from publish import headline_figures, page_inputs

ITEM_PHASES = (FROZEN,) + CONTEXT_PHASES + RUNG_PHASES       # phases whose items are points of a curve; in others only the group of all items is kept
GROUP_KEY = ("item", "pass", "level", "fill")
MODEL_FIELDS = ("digest", "size_bytes", "family", "parameter_size", "quantization", "format", "context_length")
OPTIONAL_FIELDS = ("thinking", "rung")
PHASE_FIELDS = ("phase", "calls", "outcomes", "void", "reattempts", "skips", "prefill_basis", "quality", "drift")


class CellRun(NamedTuple):
    """One run's contribution to a cell. `row` has POOLED of its `catalogue_run` record, or all; None for a withheld run."""
    run_id: str
    started_at: str
    row: Optional[dict]
    contribution: dict


def contributions(device_tag: str, manifest: dict, metadata: dict, cells: Dict[Tuple[str, str], Aggregate]) -> List[dict]:
    """One contribution for each model of the run. `cells` has the samples by (model, phase).

    The device tag comes from the run's folder, since a manifest may have none.
    """
    warnings = [(row["model"], row["code"]) for row in metadata["warnings"]]
    result = []
    for model, calibrated in zip(manifest["models"], metadata["models"]):
        name, placement = model["name"], calibrated["placement"] or {}
        size, vram = placement.get("size_bytes"), placement.get("vram_bytes")
        result.append({
            "cell_id": names.cell_id(device_tag, name), "model": names.full_name(name),
            **{field: model[field] for field in MODEL_FIELDS},
            "memory_bytes": size, "offload_share": rounded(vram / size) if size and vram is not None else None,
            "cold_load_ms": (calibrated["cold_load_ms"] or {}).get("median"),
            "always_thinks": calibrated.get("always_thinks"), "served_context": calibrated.get("served_context"),
            "warnings": sorted({code for warned_model, code in warnings if warned_model in (name, None)}),
            "verdict": metadata["verdict"]["verdict"],
            "phases": [_phase(row, cells[name, row["phase"]]) for row in metadata["aggregates"] if row["model"] == name],
        })
    return result


def _phase(row: dict, cell: Aggregate) -> dict:
    """A `run_phase` record whose groups and waves also have `values`: the samples by figure."""
    groups = cell.groups        # computed at each access
    waves = [{**wave, "values": {name: _values(getattr(cell.waves[wave["level"]], name)) for name in ("tok_s", "parallelism")}}
             for wave in row["waves"]]
    kept = [_group(group, groups[GroupKey(*(group[name] for name in GROUP_KEY))]) for group in row["groups"]
            if group["item"] is None or row["phase"] in ITEM_PHASES]
    return {**{name: row[name] for name in PHASE_FIELDS}, "groups": kept, "waves": waves,
            **{name: row[name] for name in OPTIONAL_FIELDS if name in row}}


def _group(group: dict, sampled: Group) -> dict:
    samples = {name: sampled.sample(name) for name in FIGURES}
    return {**{name: group[name] for name in (*GROUP_KEY, "calls")}, "metrics": {name: group["metrics"][name] for name in BY_RUN},
            "values": {name: _values(sample) for name, sample in samples.items() if sample.n}}


def _values(sample: Sample) -> list:
    return [rounded(value) for value in sample.values()]


POOLED = ("handle", "device_tag", "server_versions", "site_grade")      # fields of a shown run's row that count in a cell


def write(path: pathlib.Path, run_id: str, started_at: str, row: Optional[dict], of_models: Iterable[dict]) -> None:
    """Keep the contributions of a run, each on a line of its own. `row` is None for a withheld run."""
    head = {"run_id": run_id, "started_at": started_at, "row": row and {name: row[name] for name in POOLED}}
    files.write(path, "\n".join(map(json_text.dumps, [head, *of_models])).encode("ascii"))


def read(path: pathlib.Path, cell_id: str) -> CellRun:
    head, *lines = path.read_bytes().split(b"\n")
    beginning = f'{{"cell_id":{json_text.dumps(cell_id)},'.encode("ascii")
    contribution = next(line for line in lines if line.startswith(beginning))
    return CellRun(**json.loads(head), contribution=json.loads(contribution))


def without_values(parts: List[dict]) -> List[dict]:
    """The groups or waves of a `run_phase` record alone."""
    return [{name: value for name, value in part.items() if name != "values"} for part in parts]


def run_row(place: RunPlace, manifest: dict, metadata: dict, findings: dict, grade: str, unmet: Optional[dict], overlay_entry: dict,
            of_models: List[dict], raw_base: Optional[str] = None) -> dict:
    """The `catalogue_run` record. `findings` are counts by severity, `of_models` the run's contributions."""
    run_id = manifest["run_id"]
    return {
        "run_id": run_id, "page": page_inputs.page_of_run(run_id), "raw": page_inputs.raw_urls(place.path, raw_base) if raw_base else page_inputs.raw_of_run(run_id),
        "folder": place.path, "handle": place.handle, "device_tag": place.device_tag, "synthetic": metadata["synthetic"],
        "visibility": "public", "started_at": manifest["started_at"], "ended_at": metadata["ended_at"],
        **{name: metadata[name] for name in ("complete", "planned", "done", "skipped", "outcomes", "sessions")},
        "verdict": metadata["verdict"]["verdict"],
        "warnings": dict(collections.Counter(warning["code"] for warning in metadata["warnings"])), "findings": findings,
        "site_grade": grade, "unmet": unmet, "server_versions": metadata["server_versions"],
        **{name: manifest[name] for name in ("harness_version", "harness_modified")},
        "phases": list(dict.fromkeys(line["phase"] for line in manifest["plan"])), "models": list(map(_run_model, of_models)),
        "superseded_by": overlay_entry.get("superseded_by"), "notes": overlay_entry.get("notes", []),
        "blurb_md": overlay_entry.get("janie_blurb_md"),
    }


def _run_model(contribution: dict) -> dict:
    phases = {phase["phase"]: phase for phase in contribution["phases"]}
    waves = phases.get(headline_figures.ALONE, {"waves": []})["waves"]
    best = headline_figures.best_level(waves, lambda stat: stat["median"])
    return {**{name: contribution[name] for name in ("cell_id", "model", "digest")},
            **{name: headline.stat_of(name, phases) for name in headline.SHOWN},
            "answers": headline_figures.share(phases, headline_figures.ANSWERS),
            "code": headline_figures.share(phases, headline_figures.CODE),
            "tok_s_most": best["tok_s"] if best else None, "most_level": best["level"] if best else None}
