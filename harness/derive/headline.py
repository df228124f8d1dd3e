"""The headline figures of a model, and the one table of where each is measured.

The table at a run's end, the review of a maintainer and the site's pages all take them from here, so that they show the
same number. All are of the frozen prompts, which every machine answers, before all other phases.
"""
from __future__ import annotations

import pathlib
from typing import Container, Dict, Iterator, List, NamedTuple, Optional, Tuple

from base import run_folder, text_format
from base.errors import UserError
from base.phases import FROZEN
from base.records import SKIP_REASONS, SPEED_OUTCOMES
from derive import earlier_methods


class FigureSource(NamedTuple):
    """Where a figure is measured. `item` None: all items of the pass, one call at a time."""
    title: str
    phase: str
    item: Optional[str]
    pass_: str


HEADLINE = {
    "decode_tok_s": FigureSource("decode tok/s", FROZEN, None, "first"),
    "ttft_ms": FigureSource("TTFT ms (P-MEDIUM)", FROZEN, "P-MEDIUM", "first"),
    "prefill_tok_s": FigureSource("prefill tok/s (P-HARD)", FROZEN, "P-HARD", "first"),
    "energy_j_per_tok": FigureSource("J/token", FROZEN, None, "first"),
}
SHOWN = ("decode_tok_s", "ttft_ms", "prefill_tok_s")        # in tables of text
TITLES = ["model", "phase", "calls", "failed", "right", *(HEADLINE[name].title for name in SHOWN)]


class ModelFigures(NamedTuple):
    """The headline figures of one model in one run, by their names."""
    run: str            # its path
    cell_id: Optional[str]
    model: str
    digest: str
    stats: Dict[str, Optional[dict]]
    device_tag: Optional[str] = None


def figures_of(run: str, metadata: dict) -> Iterator[ModelFigures]:
    """The figures of each model that answered the frozen prompts."""
    digests = {model["model"]: model["digest"] for model in metadata["models"]}
    for row in metadata["aggregates"]:
        if row["phase"] == FROZEN:
            stats = {name: stat_of(name, {FROZEN: row}) for name in SHOWN}
            yield ModelFigures(run, row["cell_id"], row["model"], digests.get(row["model"], ""), stats, metadata["device_tag"])


def measured_runs(tree: pathlib.Path, leave_out: Container[str] = ()) -> Iterator[Tuple[str, dict]]:
    """(path, metadata.json) of each run in a tree that measured a machine; unreadable ones are skipped."""
    for folder in run_folder.all_in(tree):
        path = f"{run_folder.TREE}/{folder.relative_to(tree).as_posix()}"
        try:
            metadata = None if path in leave_out else run_folder.read_record(folder / run_folder.METADATA, "metadata")
        except UserError:
            continue
        if metadata and not metadata["synthetic"]:
            yield path, metadata


def stat_of(name: str, phases: Dict[str, dict]) -> dict | None:
    """The figure's statistic. `phases` maps the phases of a model to records with groups: of one run, or of a cell."""
    place = HEADLINE[name]
    for group in phases.get(place.phase, {"groups": []})["groups"]:
        if (group["item"], group["pass"]) == (place.item, place.pass_):
            return group.get("figures", group.get("metrics", {})).get(name)
    return None


def rows(metadata: dict) -> List[list]:
    """Rows of TITLES, one for each model and phase; the figures are in the row of the phase that they are measured in."""
    return [[row["model"], row["phase"], _calls(row), failed(row), _right_answers(row["quality"]),
             *(text_format.median_with_n(stat_of(name, {row["phase"]: row})) for name in SHOWN)]
            for row in metadata["aggregates"]]


def _calls(row: dict) -> int | str:
    """The calls made; of those planned, where some were skipped."""
    skipped = sum(row["skips"].values())
    return f"{row['calls']} of {row['calls'] + skipped}" if skipped else row["calls"]


def _right_answers(quality: dict | None) -> str | None:
    """Right answers of those graded; where none was, why."""
    if quality is None:
        return None
    if quality["n"]:
        return f"{quality['passed']} of {quality['n']}"
    reasons = {"ungraded": "ungraded", "censored": "cut"}
    return next((f"{quality[count]} {word}" for count, word in reasons.items() if quality[count]), None)


def skip_reasons(metadata: dict) -> str:
    """How many planned calls were skipped for which reason, in words; empty if none was."""
    counts: Dict[str, int] = {}
    for row in metadata["aggregates"]:
        for reason, count in row["skips"].items():
            counts[reason] = counts.get(reason, 0) + count
    return ", ".join(f"{count} because {SKIP_REASONS[reason]}" for reason, count in sorted(counts.items(), key=lambda pair: -pair[1]))


def explanation(metadata: dict) -> str:
    """What the figures of the rows are."""
    if any(row["phase"] == FROZEN for row in metadata["aggregates"]):
        return "medians of the frozen prompts before all other phases; run.md has the other phases"
    return "no speeds here: this run left out the frozen prompts; run.md has the figures of the other phases"


def warning_lines(manifest: dict, warnings: List[dict]) -> List[str]:
    """One line for each kind of warning, with the models and phases that have it and what it means, in the words of run.md."""
    places: Dict[str, Dict[str, List[str]]] = {}
    for row in warnings:
        phase = (row["phase"] or "") + (f" x{row['level']}" if row["level"] else "")
        places.setdefault(row["code"], {}).setdefault(row["model"] or "whole run", []).append(phase)
    return [f"warning: {code}: " + "; ".join(model + (f" ({', '.join(phases)})" if any(phases) else "") for model, phases in models.items())
            + f": {earlier_methods.warning_text(manifest, code)}" for code, models in places.items()]


def failed(record: dict) -> int:
    """Measured calls that support no speed figure, of a record with outcomes."""
    return sum(count for outcome, count in record["outcomes"].items() if outcome not in SPEED_OUTCOMES)
