"""The shelf: what earlier builds made, kept beside the site and never within it, so that a build makes only what is new.

    <out>.cache/index.sqlite    notes of runs, cells and the whole, each with its files, as the build before left them
    <out>.cache/runs/           what each run gives to its cells
    <out>.cache/files/          every file of the site under its own path; the site's files are second names of these
    <out>.cache/new/, old/      the site while it changes place

Everything here may be deleted at any time; the next build makes it anew. It may hold what is redacted on the site. The
notes are in a database and not in memory, so that ten thousand runs take no more of it than a hundred.
"""
from __future__ import annotations

import collections
import contextlib
import hashlib
import itertools
import json
import os
import pathlib
import re
import sqlite3
from typing import Iterable, Iterator

from base import files, schema

INDEX = "index.sqlite"
SAFE = re.compile(r"[a-z0-9_][a-z0-9._-]*(?:/[a-z0-9_][a-z0-9._-]*)*\Z")
# Files are lists of [path within the site, size, mtime_ns], as `put_file` gives them; they, machines, rows and cells are JSON.
TABLES = """
CREATE TABLE about (version TEXT);
CREATE TABLE run (folder TEXT PRIMARY KEY, key TEXT, contents TEXT, states TEXT, run_id TEXT, started_at TEXT, device_tag TEXT,
                  handle TEXT, done INTEGER, machine TEXT, row TEXT, files TEXT);
CREATE INDEX run_by_age ON run (started_at DESC, run_id DESC);
CREATE TABLE part (cell_id TEXT, folder TEXT, PRIMARY KEY (cell_id, folder)) WITHOUT ROWID;
CREATE INDEX part_by_run ON part (folder);
CREATE TABLE cell (cell_id TEXT PRIMARY KEY, key TEXT, cell TEXT, files TEXT, view TEXT, pages TEXT);
CREATE TABLE whole (key TEXT, files TEXT);
"""
NEWEST_FIRST = "ORDER BY started_at DESC, run_id DESC"

RunNote = collections.namedtuple("RunNote", "key contents states run_id started_at device_tag handle done machine row files cells")
Kept = collections.namedtuple("Kept", "key contents states files")      # what tells whether a run has to be made again


def digest(*parts: object) -> str:
    """One hash over values of JSON."""
    return hashlib.sha256(schema.dumps(list(parts)).encode("ascii")).hexdigest()


class Rows:
    """The `catalogue_run` records of the runs that are shown, newest first, read when they are asked for."""

    def __init__(self, index: sqlite3.Connection):
        self._index = index

    def __len__(self) -> int:
        return self._index.execute("SELECT count(*) FROM run WHERE row IS NOT NULL").fetchone()[0]

    def __iter__(self) -> Iterator[dict]:
        return map(json.loads, self.lines())

    def __getitem__(self, some: slice) -> list:
        return list(itertools.islice(self, some.start, some.stop, some.step))

    def lines(self) -> Iterator[str]:
        """The same, as lines of JSON."""
        return (row for row, in self._index.execute(f"SELECT row FROM run WHERE row IS NOT NULL {NEWEST_FIRST}"))


class BuildCache:
    """Use `opened`. Nothing is remembered before `close`; a build that fails leaves the notes of the one before."""

    def __init__(self, folder: pathlib.Path, index: sqlite3.Connection):
        self.folder, self._index = folder, index
        self.rows = Rows(index)

    # ----- runs

    def run(self, shown: str) -> Kept | None:
        """What is known of the run in this folder."""
        found = self._index.execute("SELECT key, contents, states, files FROM run WHERE folder = ?", (shown,)).fetchone()
        return found and Kept(*found[:3], json.loads(found[3]))

    def touch(self, shown: str, states: str) -> None:
        """The run is as it was, whatever its files' times say."""
        self._index.execute("UPDATE run SET states = ? WHERE folder = ?", (states, shown))

    def put_run(self, shown: str, note: RunNote) -> None:
        """A run that was made; what it left before and does not leave now goes."""
        self._drop_run(shown, {path for path, *_ in note.files}, note.key)
        self._index.execute("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                            (shown, *note[:-2], schema.dumps(note.files)))
        self._index.executemany("INSERT OR IGNORE INTO part VALUES (?, ?)", [(cell_id, shown) for cell_id in note.cells])

    def keep_runs(self, found: set) -> None:
        """Forget the runs in all other folders, with their files; done before others are made, which may be of the same name."""
        gone = [shown for shown, in self._index.execute("SELECT folder FROM run") if shown not in found]
        for shown in gone:
            self._drop_run(shown, set(), None)

    def _drop_run(self, shown: str, keep: set, key: str | None) -> None:
        before = self.run(shown)
        if before is not None:
            self._discard(path for path, *_ in before.files if path not in keep)
            if before.key != key:
                files.discard(run_path(self.folder, before.key))
            self._index.execute("DELETE FROM run WHERE folder = ?", (shown,))
            self._index.execute("DELETE FROM part WHERE folder = ?", (shown,))

    def about_runs(self) -> Iterator[tuple]:
        """(started_at, device tag, handle, done, machine as JSON, whether it is shown) of each run, newest first."""
        return self._index.execute(f"SELECT started_at, device_tag, handle, done, machine, row IS NOT NULL FROM run {NEWEST_FIRST}")

    # ----- cells

    def parts(self) -> Iterator[tuple]:
        """(cell id, [(key, device tag, whether it is shown) of each of its runs, newest first]), by cell id."""
        found = self._index.execute("SELECT cell_id, key, device_tag, row IS NOT NULL FROM part JOIN run USING (folder) "
                                    "ORDER BY cell_id, started_at DESC, run_id DESC")
        for cell_id, rows in itertools.groupby(found, lambda row: row[0]):
            yield cell_id, [row[1:] for row in rows]

    def given(self, cell_id: str) -> list:
        """(run id, started_at, `catalogue_run` record or None, key) of each run of a cell, newest first."""
        found = self._index.execute("SELECT run_id, started_at, row, key FROM part JOIN run USING (folder) "
                                    f"WHERE cell_id = ? {NEWEST_FIRST}", (cell_id,))
        return [(run_id, began, row and json.loads(row), key) for run_id, began, row, key in found.fetchall()]

    def cell(self, cell_id: str) -> dict | None:
        """Its note: key and view by which it is known again, the `cell` record without by_run, files and pages."""
        found = self._index.execute("SELECT key, cell, files, view, pages FROM cell WHERE cell_id = ?", (cell_id,)).fetchone()
        if found is None:
            return None
        key, cell, made, view, pages = found
        return {"key": key, "cell": json.loads(cell), "files": json.loads(made), "view": view, "pages": json.loads(pages)}

    def put_cell(self, cell_id: str, key: str, cell: dict, made: list) -> None:
        self._index.execute("INSERT OR REPLACE INTO cell VALUES (?, ?, ?, ?, NULL, coalesce((SELECT pages FROM cell WHERE cell_id = ?), '[]'))",
                            (cell_id, key, schema.dumps(cell), schema.dumps(made), cell_id))

    def put_pages(self, cell_id: str, view: str, made: list) -> None:
        now = {path for path, *_ in made}
        self._discard(path for path, *_ in self.cell(cell_id)["pages"] if path not in now)
        self._index.execute("UPDATE cell SET view = ?, pages = ? WHERE cell_id = ?", (view, schema.dumps(made), cell_id))

    def keep_cells(self, found: set) -> None:
        """Forget all others, with their files."""
        gone = [row for row in self._index.execute("SELECT cell_id, files, pages FROM cell") if row[0] not in found]
        for cell_id, *made in gone:
            self._discard(path for text in made for path, *_ in json.loads(text))
            self._index.execute("DELETE FROM cell WHERE cell_id = ?", (cell_id,))

    # ----- the whole

    def whole(self) -> tuple:
        """(key, files) of what tells of all runs together; (None, []) where there is nothing yet."""
        found = self._index.execute("SELECT key, files FROM whole").fetchone()
        return (found[0], json.loads(found[1])) if found else (None, [])

    def put_whole(self, key: str, made: list) -> None:
        now = {path for path, *_ in made}
        self._discard(path for path, *_ in self.whole()[1] if path not in now)
        self._index.execute("DELETE FROM whole")
        self._index.execute("INSERT INTO whole VALUES (?, ?)", (key, schema.dumps(made)))

    # ----- files

    def are_there(self, made: Iterable[list]) -> bool:
        """Whether nobody has touched these files since they were made."""
        top = f"{self.folder}/files/"      # plain text, as there are many
        return all(_state(top + path) == state for path, *state in made)

    def give(self, new: pathlib.Path) -> int:
        """All files under their paths in a new folder; how many there are."""
        folders, count = set(), 0
        for path in self._paths():
            folder = os.path.dirname(path)
            if folder not in folders:
                files.make_folder(new / folder)
                folders.add(folder)
            files.share(f"{self.folder}/files/{path}", f"{new}/{path}")
            count += 1
        return count

    def _paths(self) -> Iterator[str]:
        for made, in self._index.execute("SELECT files FROM run UNION ALL SELECT files FROM cell UNION ALL SELECT pages FROM cell "
                                         "UNION ALL SELECT files FROM whole"):
            for path, *_ in json.loads(made):
                yield path

    def _discard(self, paths: Iterable[str]) -> None:
        for path in paths:
            files.discard(self.folder / "files" / path)

    def close(self) -> None:
        """Remember all of it."""
        self._index.execute("COMMIT")


@contextlib.contextmanager
def opened(folder: pathlib.Path, version: str, afresh: bool = False) -> Iterator[BuildCache]:
    """`version` is a hash of whatever decides what is made of the same input; another one makes all that is there void."""
    index = None if afresh else _known(folder / INDEX, version)
    if index is None:
        for name in ("files", "runs"):
            files.remove_folder(folder / name)
        for name in (INDEX, f"{INDEX}-journal"):
            files.discard(folder / name)
        index = sqlite3.connect(folder / INDEX, isolation_level=None)
        index.executescript(TABLES)
        index.execute("INSERT INTO about VALUES (?)", (version,))
    with contextlib.closing(index):
        index.execute("BEGIN")
        yield BuildCache(folder, index)


def _known(path: pathlib.Path, version: str) -> sqlite3.Connection | None:
    """The index of the build before, if it is whole and was written by the same harness."""
    if not path.is_file():
        return None
    index = sqlite3.connect(path, isolation_level=None)
    with contextlib.suppress(sqlite3.Error):
        if index.execute("SELECT version FROM about").fetchall() == [(version,)] and index.execute(
                "PRAGMA quick_check(1)").fetchall() == [("ok",)]:
            return index
    index.close()
    return None


def run_path(folder: pathlib.Path, key: str) -> pathlib.Path:
    """Where a run's contributions are."""
    return pathlib.Path(f"{folder}/runs/{key[:2]}/{key}.json")


def put_file(folder: pathlib.Path, path: str, data: bytes | Iterable[bytes]) -> list:
    """Write one file of the site; [its path, size, mtime_ns] for the index. Any process may."""
    if not SAFE.match(path):
        raise ValueError(f"{path!r} is no path within the site")
    target = folder / "files" / path
    files.write(target, data)
    return [path, *_state(target)]


def _state(path: os.PathLike) -> list | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return [state.st_size, state.st_mtime_ns]
