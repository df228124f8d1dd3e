"""Derived files: metadata.json and run.md are recomputed in the pass that checks the records, and compared."""
from __future__ import annotations

from typing import Dict, Iterator, Optional

from base import json_text, records, run_folder
from base.errors import UserError
from derive import run_md, run_report, summary
from judge.findings import FindingList, Finding
from judge.ledger_pass import LedgerPass


def recomputed(manifest: dict, graders: Dict[str, Optional[dict]], code_grades: Dict[str, dict], ledger_pass: LedgerPass,
               aggregates: summary.Aggregates | None = None) -> dict | None:
    """The `metadata` record; None where the ledger is such that there is none. Reads the ledger to its end either way."""
    records_read = iter(ledger_pass)
    try:
        derived = summary.summarize(manifest, records_read, graders, code_grades, aggregates=aggregates)
    except Exception:       # a ledger that contradicts itself may break any formula; one that does not must break none
        if ledger_pass.has_failed:
            raise
        for _ in records_read:
            pass
        if not ledger_pass.findings.has_errors:
            raise
        return None
    if not ledger_pass.is_whole:
        return None
    derived["ledger_sha256"] = ledger_pass.reader.sha256.hexdigest()
    return {field.name: derived[field.name] for field in records.RECORDS["metadata"]}


def metadata_problems(stated: dict, derived: dict) -> Iterator[Finding]:
    if stated is derived:       # json_documents.read compared the bytes
        return
    if stated != derived or json_text.dumps(stated) != json_text.dumps(derived):
        pointer, present, wanted = difference(stated, derived)
        yield Finding("sum-metadata", present, wanted, pointer)


def difference(stated: json_text.Json, wanted: json_text.Json, pointer: str = "") -> tuple:
    """(pointer, stated value, wanted value) of the first place in which two values differ."""
    if isinstance(stated, dict) and isinstance(wanted, dict):
        for name in list(wanted) + [name for name in stated if name not in wanted]:
            if name not in stated or name not in wanted:
                present = ("not there", "there")
                return f"{pointer}/{name}", present[name in stated], present[name in wanted]
            if json_text.dumps(stated[name]) != json_text.dumps(wanted[name]):
                return difference(stated[name], wanted[name], f"{pointer}/{name}")
    if isinstance(stated, list) and isinstance(wanted, list) and len(stated) == len(wanted):
        for place, (left, right) in enumerate(zip(stated, wanted)):
            if json_text.dumps(left) != json_text.dumps(right):
                return difference(left, right, f"{pointer}/{place}")
    if isinstance(stated, list) and isinstance(wanted, list):
        return pointer, f"{len(stated)} entries", f"{len(wanted)} entries"
    return pointer, json_text.dumps(stated), json_text.dumps(wanted)


def run_md_problems(text: str, manifest: dict, derived: dict) -> Iterator[Finding]:
    wanted = run_report.render(manifest, derived).strip("\n").split("\n")
    try:
        present = run_md.block_of(text, run_folder.RUN_MD).split("\n")
    except UserError:
        return      # another rule reports the marks
    if present == wanted:
        return
    first = next((n for n, (left, right) in enumerate(zip(present, wanted)) if left != right), min(len(present), len(wanted)))
    line = text.split("\n").index(run_md.BEGIN) + 3 + first
    yield Finding("sum-run-md", present[first] if first < len(present) else "the block ends",
                  wanted[first] if first < len(wanted) else "its end", line=line)


def check(document: dict | None, text: str | None, manifest: dict, derived: dict, findings: FindingList, folder: str) -> None:
    if document is not None:
        findings.add(metadata_problems(document, derived), f"{folder}/{run_folder.METADATA}")
    if text is not None:
        findings.add(run_md_problems(text, manifest, derived), f"{folder}/{run_folder.RUN_MD}")
