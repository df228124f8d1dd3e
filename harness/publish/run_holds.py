"""Run holds: findings that show only when all runs are compared; grades depend on them.

What is compared of each run is kept in the index of the build cache, so that only runs that changed are read, and only
those that have something in common with them are compared again.
"""
from __future__ import annotations

import array
import dataclasses
import json
import pathlib
import sqlite3
from typing import Dict, Iterable, Iterator, List, Set, Tuple

from base import json_text, run_folder
from base.errors import UserError
from judge import timing_noise
from judge.duplicates import DuplicateSearch, Marks, marks
from judge.findings import Finding
from judge.run_search import DESCRIBED_BY, DigestSearch

DIGEST_RULE = "physics-digest"
TABLES = """
CREATE TABLE run_marks (number INTEGER PRIMARY KEY, folder TEXT UNIQUE, started_at TEXT, exact BLOB, similar BLOB, models TEXT);
CREATE TABLE run_mark (mark INTEGER, number INTEGER, PRIMARY KEY (mark, number)) WITHOUT ROWID;
CREATE TABLE run_noise (folder TEXT, compares INTEGER, noise BLOB);
CREATE INDEX run_noise_by_compares ON run_noise (compares);
CREATE INDEX run_noise_by_folder ON run_noise (folder);
CREATE TABLE run_digest (folder TEXT, digest TEXT, description TEXT);
CREATE INDEX run_digest_by_digest ON run_digest (digest, description);
CREATE INDEX run_digest_by_folder ON run_digest (folder);
CREATE TABLE run_hold (folder TEXT PRIMARY KEY, findings TEXT);
"""


def create(index: sqlite3.Connection) -> None:
    for statement in TABLES.split(";"):
        index.execute(statement)


def of_run(index: sqlite3.Connection, folder: str) -> List[dict]:
    """The findings of a run, as values."""
    row = index.execute("SELECT findings FROM run_hold WHERE folder = ?", (folder,)).fetchone()
    return json.loads(row[0]) if row else []


def findings(holds: Iterable[dict]) -> Iterator[Finding]:
    return (Finding(**hold) for hold in holds)


def update(index: sqlite3.Connection, runs: Dict[str, str], changed: Set[str]) -> Set[str]:
    """Compare the changed runs with all others. Returns the runs whose findings are other than before.

    A run has a finding if it is a copy of an earlier one or describes a digest otherwise. The earlier run is the one that
    began earlier. `runs` maps the paths of all runs to their folders.
    """
    known = {folder for folder, in index.execute("SELECT folder FROM run_marks")}
    renewed = (changed & runs.keys()) | (runs.keys() - known)
    gone = known - runs.keys()
    if not renewed and not gone:
        return set()
    before = _read(index, gone | (renewed & known))
    for path, run in before.items():
        index.executemany("DELETE FROM run_mark WHERE mark = ? AND number = (SELECT number FROM run_marks WHERE folder = ?)",
                          [(mark, path) for mark in _searched(run)])
        for table in ("run_marks", "run_noise", "run_digest"):
            index.execute(f"DELETE FROM {table} WHERE folder = ?", (path,))
    after = {path: _compared(pathlib.Path(runs[path])) for path in renewed}
    for path, run in after.items():
        _put(index, path, run)
    affected = renewed | _related(index, before, len(runs)) | _related(index, after, len(runs))
    affected |= {folder for folder, in index.execute("SELECT folder FROM run_hold")}
    compared = {**_read(index, affected - renewed), **after}
    others = _related(index, compared, len(runs)) - affected
    return _store(index, affected, _search({**compared, **_read(index, others)}))


def _store(index: sqlite3.Connection, affected: Set[str], holds: Dict[str, List[dict]]) -> Set[str]:
    """Keep the findings of these runs; those of which they are others than before."""
    changed = set()
    for path in affected:
        if of_run(index, path) != holds.get(path, []):
            changed.add(path)
            index.execute("DELETE FROM run_hold WHERE folder = ?", (path,))
            if path in holds:
                index.execute("INSERT INTO run_hold VALUES (?, ?)", (path, json_text.dumps(holds[path])))
    return changed


@dataclasses.dataclass(frozen=True)
class RunMarks:
    """What is compared of a run: see judge/duplicates.py and judge/run_search.py."""
    started_at: str = ""
    marks: Marks = Marks()
    models: Tuple[dict, ...] = ()


def _compared(folder: pathlib.Path) -> RunMarks:
    try:
        manifest = run_folder.read_manifest(folder)
        if manifest["synthetic"]:
            return RunMarks()        # a script may plant the same times twice
        own = marks(folder / run_folder.LEDGER)
    except (UserError, OSError):
        return RunMarks()        # a run that will be rejected
    models = ({name: model[name] for name in ("name", "digest", *DESCRIBED_BY)} for model in manifest["models"])
    return RunMarks(manifest["started_at"], own, tuple(models))


def _search(runs: Dict[str, RunMarks]) -> Dict[str, List[dict]]:
    """The findings of these runs, of which the earlier ones are known first."""
    duplicates, digests, holds = DuplicateSearch(), DigestSearch(), {}
    for path in sorted(runs, key=lambda path: (runs[path].started_at, path)):
        run = runs[path]
        of_path = [pair.of_run for pair in (*duplicates.add_marks(path, run.marks), *digests.add(path, {"models": run.models}))]
        if of_path:
            holds[path] = [finding._asdict() for finding in of_path]
    return holds


# ----- in the index

def _put(index: sqlite3.Connection, path: str, run: RunMarks) -> None:
    exact, similar = (array.array("Q", numbers).tobytes() for numbers in (run.marks.exact, run.marks.similar))
    number = index.execute("INSERT INTO run_marks VALUES (NULL, ?, ?, ?, ?, ?)", (
        path, run.started_at, exact, similar, json_text.dumps(list(run.models)))).lastrowid
    index.executemany("INSERT INTO run_mark VALUES (?, ?)", [(mark, number) for mark in _searched(run)])
    index.executemany("INSERT INTO run_noise VALUES (?, ?, ?)", [
        (path, key, noise.to_bytes(-(-noise.bit_length() // 8), "big")) for key, noise in run.marks.noise])
    index.executemany("INSERT INTO run_digest VALUES (?, ?, ?)", [
        (path, model["digest"], json_text.dumps([model[name] for name in DESCRIBED_BY])) for model in run.models])


def _searched(run: RunMarks) -> Set[int]:
    """Marks by which runs that share one are found; an integer of SQLite has 63 bits and a sign."""
    return {mark >> 1 for mark in (*run.marks.exact, *run.marks.similar)}


def _read(index: sqlite3.Connection, paths: Iterable[str]) -> Dict[str, RunMarks]:
    result = {}
    for path in paths:
        row = index.execute("SELECT started_at, exact, similar, models FROM run_marks WHERE folder = ?", (path,)).fetchone()
        if row is not None:
            exact, similar = (tuple(array.array("Q", numbers)) for numbers in row[1:3])
            noise = tuple((key, int.from_bytes(data, "big")) for key, data in
                          index.execute("SELECT compares, noise FROM run_noise WHERE folder = ?", (path,)))
            result[path] = RunMarks(row[0], Marks(exact, similar, noise), tuple(json.loads(row[3])))
    return result


def _related(index: sqlite3.Connection, runs: Dict[str, RunMarks], count: int) -> Set[str]:
    """Runs that share a mark with one of these, or a digest that has several descriptions."""
    if len(runs) == count:
        return set()            # these are all
    related = set()
    for mark in {mark for run in runs.values() for mark in _searched(run)}:
        related |= {folder for folder, in index.execute("SELECT folder FROM run_mark JOIN run_marks USING (number) WHERE mark = ?", (mark,))}
    for run in runs.values():
        for key, noise in run.marks.noise:
            related |= {folder for folder, data in index.execute("SELECT folder, noise FROM run_noise WHERE compares = ?", (key,))
                        if timing_noise.is_like(noise, int.from_bytes(data, "big"))}
    for digest in {model["digest"] for run in runs.values() for model in run.models}:
        descriptions = "SELECT count(DISTINCT description) FROM run_digest WHERE digest = ?"
        if index.execute(descriptions, (digest,)).fetchone()[0] > 1:
            related |= {folder for folder, in index.execute("SELECT folder FROM run_digest WHERE digest = ?", (digest,))}
    return related
