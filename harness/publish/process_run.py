"""Intake: one run is judged, harvested, graded and made into its pages; all that one process does with one run.

Twins of other runs are not looked for: that was done when each was merged.
"""
from __future__ import annotations

import dataclasses
import pathlib
from dataclasses import dataclass
from typing import Iterator, Optional

from base import run_folder
from judge import run_check, tree_layout
from judge.findings import FindingList, Finding, row
from judge.ledger_pass import LedgerVisitor
from publish import device_summary, grades, moderation, page_inputs, pages, run_contribution

FOR_TESTS = ("name-synthetic",)     # what is overlooked where synthetic runs are asked for


@dataclass(frozen=True)
class Taken:
    """What a run came to. One that is refused has nothing else; one that is withheld has no row, machine and files."""
    refused: tuple = ()                 # the errors, as rows
    run_id: str = ""
    started_at: str = ""
    contributions: tuple = ()
    row: Optional[dict] = None
    machine: Optional[dict] = None
    files: tuple = ()                   # (path within the site, bytes)


def take(folder: pathlib.Path, shown: str, entry: dict, synthetic: bool, now_s: float) -> Taken:
    """Read one run. `shown` is its folder from the clone's root, `entry` what the overlay says of it.

    `synthetic`: runs of no machine are let in, and everything says so.
    """
    place, docket, calls = tree_layout.place_of(shown), FindingList(), _Calls()
    entries = list(tree_layout.on_disk(folder, shown))
    for one in tree_layout.settled_modes(entries):
        docket.add(tree_layout.problems(one))
    sizes = tree_layout.runs_in(entries).get(shown, {})
    inside = run_check.look(folder, place, sizes, docket, now_s, (calls,))
    found = [row(one) for one in docket.findings if not (synthetic and one.rule in FOR_TESTS)]
    refused = tuple(one for one in found if one["severity"] == "error")
    if refused:
        return Taken(refused)
    manifest, metadata = inside.manifest, inside.metadata
    given = tuple(run_contribution.contributions(place.device_tag, manifest, metadata, inside.cells))
    taken = Taken((), manifest["run_id"], manifest["started_at"], given)
    if moderation.is_redacted(entry):
        return taken
    line = _row(place, inside, {**docket.counts, "error": 0}, entry, given)
    view = {"run": line, "manifest": manifest, "metadata": metadata, "hardware": inside.hardware, "story": inside.story,
            "findings": found, "calls": page_inputs.with_rates(calls.rows, manifest), "sizes": sizes, "synthetic": synthetic}
    raw = [(line["raw"][name], (folder / name).read_bytes()) for name in run_folder.FILES]
    return dataclasses.replace(taken, row=line, machine=device_summary.facts(inside.hardware), files=(*pages.run(view), *raw))


def _row(place: tree_layout.Place, inside: run_check.Inside, counts: dict, entry: dict, given: tuple) -> dict:
    facts = grades.Facts(inside.manifest, inside.metadata, inside.hardware, inside.story, counts["hold"])
    return run_contribution.row(place, inside.manifest, inside.metadata, counts, *grades.graded(facts), entry, given)


class _Calls(LedgerVisitor):
    """Looks on and keeps what the run's page shows of each call."""
    compares = False

    def __init__(self) -> None:
        self.rows: list = []

    def see(self, record: dict) -> Iterator[Finding]:
        if record["type"] in ("call", "skipped"):
            self.rows.append(page_inputs.call_row(record))
        return iter(())
