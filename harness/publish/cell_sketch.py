"""Cell sketch: what the page of a cell draws of one run, so that rendering it does not read the figures of every run."""
from __future__ import annotations

from publish import run_contribution
from publish.pages import curve_sections

RECORD = ("phase", "drift")


def of_run(run_id: str, contribution: dict) -> dict:
    """A `run_in_cell` record with only what is drawn, and the digest."""
    return {"run_id": run_id, "digest": contribution["digest"],
            "phases": [_phase(phase) for phase in contribution["phases"] if phase["drift"] or phase["phase"] in curve_sections.DRAWN_OF_RUNS]}


def _phase(phase: dict) -> dict:
    is_curve, is_waves = phase["phase"] == curve_sections.CONTEXT.phases[0], phase["phase"] == curve_sections.ALONE
    return {**{name: phase[name] for name in RECORD},
            "groups": run_contribution.without_values(phase["groups"]) if is_curve else [],
            "waves": run_contribution.without_values(phase["waves"]) if is_waves else []}
