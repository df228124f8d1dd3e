"""The checker for many mutants of one run: where ledger, manifest and hardware are as they were, their pass is not repeated."""
from __future__ import annotations

import contextlib
import pathlib
import unittest.mock
from typing import Dict, Iterator, Tuple

import support  # noqa: F401  (puts the harness on the path)
from base import json_text
from judge import run_check, tree
from judge.findings import FindingList
from judge.session_checks import epoch_seconds

NOW_S = epoch_seconds("2026-11-25T12:00:00Z")


def judged(folder: pathlib.Path) -> FindingList:
    findings = FindingList()
    tree.check_all([tree.part_of(folder)], findings, NOW_S)
    return findings


@contextlib.contextmanager
def shared_passes() -> Iterator[None]:
    """Within it, the pass over a ledger gives what the pass over the same bytes gave that had the same place and documents.

    The pass gets nothing else. It costs most of a check, and most mutants of files change what is checked before or after it.
    """
    known: Dict[tuple, tuple] = {}
    check_ledger = run_check._check_ledger

    def once(run: run_check._CheckedRun, documents: run_check.RunDocuments, visitors: Tuple, now_s: float) -> dict | None:
        key = (run.place, (run.folder / run_check.LEDGER).read_bytes(), json_text.dumps([documents.manifest, documents.hardware]), visitors, now_s)
        if key not in known:
            findings = FindingList()
            known[key] = check_ledger(run._replace(findings=findings), documents, visitors, now_s), list(findings)
        metadata, findings_of_pass = known[key]
        run.findings.add(findings_of_pass)
        return metadata
    with unittest.mock.patch.object(run_check, "_check_ledger", once):
        yield
