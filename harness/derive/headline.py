"""The headline figures of a model, and the one table of where each is measured.

The table at a run's end, the review of a maintainer and the site's pages all take them from here, so that they show the
same number. All are of the frozen prompts, which every machine answers, before all other phases.
"""
from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional

from base import text_format
from base.phases import FROZEN
from base.records import SPEED_OUTCOMES


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
TITLES = ["model", "phase", "calls", "failed", "skipped", *(HEADLINE[name].title for name in SHOWN)]


def stat_of(name: str, phases: Dict[str, dict]) -> dict | None:
    """The figure's statistic. `phases` maps the phases of a model to records with groups: of one run, or of a cell."""
    place = HEADLINE[name]
    for group in phases.get(place.phase, {"groups": []})["groups"]:
        if (group["item"], group["pass"]) == (place.item, place.pass_):
            return group.get("figures", group.get("metrics", {})).get(name)
    return None


def rows(metadata: dict) -> List[list]:
    """Rows of TITLES, one for each model and phase; the figures are in the row of the phase that they are measured in."""
    return [[row["model"], row["phase"], row["calls"], failed(row), sum(row["skips"].values()),
             *(text_format.median_with_n(stat_of(name, {row["phase"]: row})) for name in SHOWN)]
            for row in metadata["aggregates"]]


def warning_lines(warnings: List[dict]) -> List[str]:
    """One line for each kind of warning, with the models and phases that have it."""
    places: Dict[str, Dict[str, List[str]]] = {}
    for row in warnings:
        phase = (row["phase"] or "") + (f" x{row['level']}" if row["level"] else "")
        places.setdefault(row["code"], {}).setdefault(row["model"] or "run", []).append(phase)
    return [f"warning: {code}: " + "; ".join(model + (f" ({', '.join(phases)})" if any(phases) else "")
                                             for model, phases in models.items()) for code, models in places.items()]


def failed(aggregate: dict) -> int:
    """Calls that support no speed figure."""
    return aggregate["calls"] - sum(aggregate["outcomes"].get(outcome, 0) for outcome in SPEED_OUTCOMES)
