"""Process one run: check it, compute its contributions and grade, and render its pages.

It is compared with other runs elsewhere (run_holds).
"""
from __future__ import annotations

import dataclasses
import pathlib
from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional, Tuple, Union

from base.ledger_records import CallRecord, Record, SkippedRecord
from judge import run_check, tree_layout
from judge.findings import Finding, FindingList, row
from judge.ledger_pass import LedgerVisitor
from judge.tree_layout import RunPlace
from publish.run_holds import DIGEST_RULE
from publish import device_summary, grades, moderation, page_inputs, run_contribution
from publish.pages import Page, run_page

ALLOWED_SYNTHETIC = ("name-synthetic",)     # findings that are ignored where synthetic runs are included


@dataclass(frozen=True)
class RejectedRun:
    errors: Tuple[dict, ...]            # findings as rows


@dataclass(frozen=True)
class ProcessedRun:
    """A withheld run has no row, machine and page."""
    place: RunPlace
    run_id: str
    started_at: str
    contributions: Tuple[dict, ...]
    row: Optional[dict] = None
    machine: Optional[dict] = None
    page: Optional[Page] = None


@dataclass(frozen=True)
class _Checked:
    """A run that was checked, with all its findings, as rows, and what its page shows of each call."""
    documents: run_check.RunDocuments
    rows: List[dict]
    counts: Dict[str, int]
    calls: List[dict]
    sizes: Dict[str, int]


def process(folder: pathlib.Path, path: str, overlay_entry: dict, synthetic: bool, now_s: float,
            raw_base: Optional[str] = None, holds: Tuple[Finding, ...] = ()) -> Union[ProcessedRun, RejectedRun]:
    """`path` is the run's folder from the clone's root. `synthetic`: accept synthetic runs, which every page then says.

    `holds` are findings from the comparison with all other runs. A run whose model has a digest that another run describes
    otherwise is pooled with nobody.
    """
    place = tree_layout.place_of(path)
    assert place is not None, path          # run_changes lists folders of this depth only
    checked = _check(folder, place, synthetic, now_s, holds)
    errors = tuple(finding for finding in checked.rows if finding["severity"] == "error")
    if errors:
        return RejectedRun(errors)
    documents = checked.documents
    manifest, metadata, run_md = documents.manifest, documents.metadata, documents.run_md
    assert manifest is not None and metadata is not None and run_md is not None, path      # a missing file is an error
    is_pooled = not any(finding.rule == DIGEST_RULE for finding in holds)
    of_models = run_contribution.contributions(place.device_tag, manifest, metadata, documents.cells) if is_pooled else []
    processed = ProcessedRun(place, manifest["run_id"], manifest["started_at"], tuple(of_models))
    if moderation.is_redacted(overlay_entry):
        return processed
    grade, unmet = grades.grade_of(grades.GradeInput(manifest, metadata, documents.hardware, run_md, checked.counts["hold"]))
    run = run_contribution.run_row(place, manifest, metadata, {**checked.counts, "error": 0}, grade, unmet, overlay_entry, of_models, raw_base)
    inputs = page_inputs.RunPageInput(run, manifest, metadata, documents.hardware, run_md, checked.rows,
                                      page_inputs.with_rates(checked.calls, manifest), checked.sizes, synthetic)
    return dataclasses.replace(processed, row=run, machine=device_summary.facts(documents.hardware), page=run_page.page(inputs))


def _check(folder: pathlib.Path, place: RunPlace, synthetic: bool, now_s: float, holds: Tuple[Finding, ...]) -> _Checked:
    findings, calls = FindingList(), _CallRows()
    entries = list(tree_layout.on_disk(folder, place.path))
    for entry in tree_layout.settled_modes(entries):
        findings.add(tree_layout.problems(entry))
    sizes = tree_layout.runs_in(entries).get(place.path, {})
    documents = run_check.inspect(folder, place, sizes, findings, now_s, (calls,))
    findings.add(holds)
    rows = [row(finding) for finding in findings if not (synthetic and finding.rule in ALLOWED_SYNTHETIC)]
    return _Checked(documents, rows, findings.counts, calls.rows, sizes)


class _CallRows(LedgerVisitor):
    """Collects what the run's page shows of each call."""
    compares_records = False

    def __init__(self) -> None:
        self.rows: List[dict] = []

    def visit(self, record: Record) -> Iterable[Finding]:
        if isinstance(record, (CallRecord, SkippedRecord)):
            self.rows.append(page_inputs.call_row(record))
        return ()
