"""Cell sketch: what the page of a cell draws of one run, so that rendering it does not read the figures of every run."""
from __future__ import annotations

from publish.pages import curve_sections

RECORD = ("phase", "drift")


def of_run(run_id: str, contribution: dict) -> dict:
    """A `run_in_cell` record with only what is drawn, and the digest."""
    return {"run_id": run_id, "digest": contribution["digest"],
            "phases": [_phase(phase) for phase in contribution["phases"] if phase["drift"] or phase["phase"] in curve_sections.DRAWN_OF_RUNS]}


def _phase(phase: dict) -> dict:
    is_curve, is_waves = phase["phase"] == curve_sections.CONTEXT.phases[0], phase["phase"] == curve_sections.ALONE
    return {**{name: phase[name] for name in RECORD},
            "groups": [_without_values(group) for group in phase["groups"]] if is_curve else [],
            "waves": [_without_values(wave) for wave in phase["waves"]] if is_waves else []}


def _without_values(part: dict) -> dict:
    return {name: value for name, value in part.items() if name != "values"}
