"""Process one run: check it, compute its contributions and grade, and render its pages.

It is compared with other runs elsewhere (run_holds).
"""
from __future__ import annotations

import dataclasses
import pathlib
from dataclasses import dataclass
from typing import Iterable, List, Optional, Tuple

from base.ledger_records import CallRecord, Record, SkippedRecord
from judge import run_check, tree_layout
from judge.findings import Finding, FindingList, row
from judge.ledger_pass import LedgerVisitor
from publish.run_holds import DIGEST_RULE
from publish import device_summary, grades, moderation, page_inputs, pages, run_contribution

ALLOWED_SYNTHETIC = ("name-synthetic",)     # findings that are ignored where synthetic runs are included


@dataclass(frozen=True)
class ProcessedRun:
    """A rejected run has errors only; a withheld one has no row, machine and pages."""
    errors: tuple = ()                  # findings as rows
    run_id: str = ""
    started_at: str = ""
    contributions: tuple = ()
    row: Optional[dict] = None
    machine: Optional[dict] = None
    pages: tuple = ()                   # (path within the site, bytes)


def process(folder: pathlib.Path, path: str, overlay_entry: dict, synthetic: bool, now_s: float,
            raw_base: Optional[str] = None, holds: Tuple[Finding, ...] = ()) -> ProcessedRun:
    """`path` is the run's folder from the clone's root. `synthetic`: accept synthetic runs, which every page then says.

    `holds` are findings from the comparison with all other runs. A run whose model has a digest that another run describes
    otherwise is pooled with nobody.
    """
    place, findings, calls = tree_layout.place_of(path), FindingList(), _CallRows()
    entries = list(tree_layout.on_disk(folder, path))
    for entry in tree_layout.settled_modes(entries):
        findings.add(tree_layout.problems(entry))
    sizes = tree_layout.runs_in(entries).get(path, {})
    checked = run_check.inspect(folder, place, sizes, findings, now_s, (calls,))
    findings.add(holds)
    rows = [row(finding) for finding in findings if not (synthetic and finding.rule in ALLOWED_SYNTHETIC)]
    errors = tuple(finding for finding in rows if finding["severity"] == "error")
    if errors:
        return ProcessedRun(errors)
    manifest, metadata = checked.manifest, checked.metadata
    of_models = run_contribution.contributions(place.device_tag, manifest, metadata, checked.cells)
    if any(finding.rule == DIGEST_RULE for finding in holds):
        of_models = []
    processed = ProcessedRun((), manifest["run_id"], manifest["started_at"], tuple(of_models))
    if moderation.is_redacted(overlay_entry):
        return processed
    grade_input = grades.GradeInput(manifest, metadata, checked.hardware, checked.story, findings.counts["hold"])
    run = run_contribution.run_row(place, manifest, metadata, {**findings.counts, "error": 0}, *grades.grade_of(grade_input),
                                   overlay_entry, of_models, raw_base)
    inputs = page_inputs.RunPageInput(run, manifest, metadata, checked.hardware, checked.story, rows,
                                      page_inputs.with_rates(calls.rows, manifest), sizes, synthetic)
    return dataclasses.replace(processed, row=run, machine=device_summary.facts(checked.hardware), pages=tuple(pages.run(inputs)))


class _CallRows(LedgerVisitor):
    """Collects what the run's page shows of each call."""
    compares_records = False

    def __init__(self) -> None:
        self.rows: List[dict] = []

    def visit(self, record: Record) -> Iterable[Finding]:
        if isinstance(record, (CallRecord, SkippedRecord)):
            self.rows.append(page_inputs.call_row(record))
        return ()
