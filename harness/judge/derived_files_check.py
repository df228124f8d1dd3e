"""Sums: are the derived files what the ledger gives? They are recomputed, in the same pass that judges the records."""
from __future__ import annotations

from typing import Iterator

from base import ledger, records, run_folder, schema
from base.errors import UserError
from derive import run_md, run_report, summary
from judge.findings import FindingList, Finding
from judge.ledger_pass import LedgerPass


def recomputed(manifest: dict, graders: dict, ledger_pass: LedgerPass, cells: dict | None = None) -> dict | None:
    """The `metadata` record; None where the ledger is such that there is none. Reads the ledger to its end either way."""
    stream = iter(ledger_pass)
    try:
        grades = (ledger.last(ledger_pass.path) or {}).get("code_grades")
        found = summary.summarize(manifest, stream, graders, grades, cells=cells)
    except Exception:       # a ledger that contradicts itself may break any formula; one that does not must break none
        if ledger_pass.has_failed:
            raise
        for _ in stream:
            pass
        if not ledger_pass.findings.has_errors:
            raise
        return None
    if not ledger_pass.is_whole:
        return None
    found["ledger_sha256"] = ledger_pass.sha256.hexdigest()
    return {field.name: found[field.name] for field in records.RECORDS["metadata"]}


def metadata_problems(said: dict, found: dict) -> Iterator[Finding]:
    if said is found:       # documents.read saw its very bytes
        return
    if said != found or schema.dumps(said) != schema.dumps(found):
        pointer, there, wanted = difference(said, found)
        yield Finding("sum-metadata", there, wanted, pointer)


def difference(said: object, wanted: object, pointer: str = "") -> tuple:
    """(pointer, what is said, what is wanted) of the first place in which two values differ."""
    if isinstance(said, dict) and isinstance(wanted, dict):
        for name in list(wanted) + [name for name in said if name not in wanted]:
            if name not in said or name not in wanted:
                there = ("not there", "there")
                return f"{pointer}/{name}", there[name in said], there[name in wanted]
            if schema.dumps(said[name]) != schema.dumps(wanted[name]):
                return difference(said[name], wanted[name], f"{pointer}/{name}")
    if isinstance(said, list) and isinstance(wanted, list) and len(said) == len(wanted):
        for place, (one, other) in enumerate(zip(said, wanted)):
            if schema.dumps(one) != schema.dumps(other):
                return difference(one, other, f"{pointer}/{place}")
    if isinstance(said, list) and isinstance(wanted, list):
        return pointer, f"{len(said)} entries", f"{len(wanted)} entries"
    return pointer, schema.dumps(said), schema.dumps(wanted)


def run_md_problems(text: str, manifest: dict, found: dict) -> Iterator[Finding]:
    """The generated block of run.md."""
    wanted = run_report.render(manifest, found).strip("\n").split("\n")
    try:
        there = run_md.block_of(text, run_folder.RUN_MD).split("\n")
    except UserError:
        return      # another rule tells of the marks
    if there == wanted:
        return
    first = next((n for n, (one, other) in enumerate(zip(there, wanted)) if one != other), min(len(there), len(wanted)))
    line = text.split("\n").index(run_md.BEGIN) + 3 + first
    yield Finding("sum-run-md", there[first] if first < len(there) else "the block ends",
                  wanted[first] if first < len(wanted) else "its end", line=line)


def check(document: dict | None, text: str | None, manifest: dict, found: dict, findings: FindingList, folder: str) -> None:
    """Both files, as far as they are there, against what the ledger gives."""
    if document is not None:
        findings.add(metadata_problems(document, found), f"{folder}/{run_folder.METADATA}")
    if text is not None:
        findings.add(run_md_problems(text, manifest, found), f"{folder}/{run_folder.RUN_MD}")
