"""Cell sketch: what the page of a cell shows of one run, so that rendering it does not read the figures of every run."""
from __future__ import annotations

from publish import run_contribution
from publish.pages import curve_sections

RECORD = ("phase", "drift", "calls", "outcomes")


def of_run(run_id: str, contribution: dict) -> dict:
    """A `run_in_cell` record with only what is shown, and the digest."""
    return {"run_id": run_id, "digest": contribution["digest"],
            "phases": list(map(_phase, contribution["phases"]))}


def _phase(phase: dict) -> dict:
    is_curve, is_waves = phase["phase"] == curve_sections.CONTEXT.phases[0], phase["phase"] == curve_sections.ALONE
    return {**{name: phase[name] for name in RECORD},
            "groups": run_contribution.without_values(phase["groups"]) if is_curve else [],
            "waves": run_contribution.without_values(phase["waves"]) if is_waves else []}
