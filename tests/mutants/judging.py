"""The checker for many mutants: what it has computed already for the same bytes is not computed again."""
from __future__ import annotations

import contextlib
import functools
import pathlib
import unittest.mock
from typing import Dict, Iterator, Tuple

import support  # noqa: F401  (puts the harness on the path)
from base import json_text, sensitive
from judge import derived_files_check, run_check, tree
from judge.findings import FindingList
from judge.session_checks import epoch_seconds
from mutants import valid

NOW_S = epoch_seconds("2026-11-25T12:00:00Z")


def judged(folder: pathlib.Path) -> FindingList:
    findings = FindingList()
    tree.check_all([tree.part_of(folder)], findings, NOW_S)
    return findings


def judged_run(run: valid.Run, root: pathlib.Path) -> FindingList:
    """The findings of a run, in a folder of its own, whose derived files are those that its ledger gives.

    They are made from what the checker computes in its pass over the ledger; `Run.files` would summarize it once more.
    """
    folder, findings, computed = valid.laid_out(root / run.place, run.measured_files()), FindingList(), []
    recomputed = derived_files_check.recomputed

    def remember(*words: object) -> dict | None:
        computed.append(recomputed(*words))
        return computed[-1]

    def renew(folder: pathlib.Path, _: dict | None) -> None:
        files = run.derived_files(computed[-1]) if computed and computed[-1] else run.files()
        for name in ("metadata.json", "run.md"):
            (folder / name).write_bytes(files[name])
    with unittest.mock.patch.object(derived_files_check, "recomputed", remember):
        tree.check_all([tree.part_of(folder)], findings, NOW_S, renew=renew)
    return findings


@contextlib.contextmanager
def shared_searches() -> Iterator[None]:
    """Within it, a text that was searched for private things is not searched again."""
    find = functools.lru_cache(maxsize=None)(lambda text, allowed: tuple(_find(text, allowed)))
    _find = sensitive.find
    with unittest.mock.patch.object(sensitive, "find", lambda text, allowed=frozenset(): iter(find(text, allowed))):
        yield


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
