"""Build cache: what earlier builds made, beside the site, so that a build makes only what has changed.

    <out>.cache/index.sqlite    what is known of runs, cells and the whole catalogue, and the state of every file
    <out>.cache/runs/           the contributions of each run
    <out>.cache/files/          the files of the site but the raw ones; those of the site are hard links of these
    <out>.cache/new/            a second copy of the site, also of hard links, in which the next site is prepared

It may be deleted at any time. It may contain what is redacted on the site. The index is a database: one file is read at
once, where a folder of notes would be thousands. The two were not measured side by side.
"""
from __future__ import annotations

import contextlib
import itertools
import json
import pathlib
import re
import sqlite3
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Optional, Set, Tuple

from base import files, schema
from base.errors import UserError
from publish import site_folder

INDEX = "index.sqlite"
SAFE_PATH = re.compile(r"[a-z0-9_][a-z0-9._-]*(?:/[a-z0-9_][a-z0-9._-]*)*\Z")
TABLES = """
CREATE TABLE build (version TEXT, settings TEXT, git TEXT, report TEXT);
CREATE TABLE run (folder TEXT PRIMARY KEY, key TEXT, contents TEXT, states TEXT, run_id TEXT, started_at TEXT, device_tag TEXT,
                  handle TEXT, done INTEGER, machine TEXT, row TEXT, tables TEXT);
CREATE INDEX run_by_age ON run (started_at DESC, run_id DESC);
CREATE TABLE part (cell_id TEXT, folder TEXT, PRIMARY KEY (cell_id, folder)) WITHOUT ROWID;
CREATE INDEX part_by_run ON part (folder);
CREATE TABLE cell (cell_id TEXT PRIMARY KEY, key TEXT, cell TEXT, pages_key TEXT);
CREATE TABLE whole (key TEXT);
CREATE TABLE file (path TEXT PRIMARY KEY, owner TEXT, size INTEGER, mtime_ns INTEGER, inode INTEGER, source TEXT);
CREATE INDEX file_by_owner ON file (owner);
"""
NEWEST_FIRST = "ORDER BY started_at DESC, run_id DESC"
WHOLE = "whole"             # the owner of files that depend on all runs


@dataclass(frozen=True)
class File:
    """A file of the site. `source` is where a raw file is linked from; None: from files/ of the cache."""
    path: str
    size: int
    mtime_ns: int
    inode: int
    source: Optional[str] = None


@dataclass(frozen=True)
class RunNote:
    """What is kept of a run. The last three are JSON, None for a withheld run: its device facts, its `catalogue_run` record
    and its rows of the database."""
    key: str
    contents: str
    states: str
    run_id: str
    started_at: str
    device_tag: str
    handle: str
    done: Optional[int]
    machine: Optional[str]
    row: Optional[str]
    tables: Optional[str]
    files: List[File]
    cells: List[str]


class Rows:
    """The `catalogue_run` records of the shown runs, newest first, read when they are needed."""

    def __init__(self, index: sqlite3.Connection):
        self._index = index

    def __len__(self) -> int:
        return self._index.execute("SELECT count(*) FROM run WHERE row IS NOT NULL").fetchone()[0]

    def __iter__(self) -> Iterator[dict]:
        return map(json.loads, self.lines())

    def __getitem__(self, some: slice) -> List[dict]:
        return list(itertools.islice(self, some.start, some.stop, some.step))

    def lines(self) -> Iterator[str]:
        """The same as lines of JSON."""
        return self._column("row")

    def tables(self) -> Iterator[dict]:
        """Their rows in the database, as publish/database.py made them."""
        return map(json.loads, self._column("tables"))

    def newest_by_device(self, count: int) -> Iterator[dict]:
        """The newest `count` runs of each device."""
        seen: Dict[str, int] = {}
        for device_tag, row in self._index.execute(f"SELECT device_tag, row FROM run WHERE row IS NOT NULL {NEWEST_FIRST}"):
            seen[device_tag] = seen.get(device_tag, 0) + 1
            if seen[device_tag] <= count:
                yield json.loads(row)

    def _column(self, name: str) -> Iterator[str]:
        return (value for value, in self._index.execute(f"SELECT {name} FROM run WHERE row IS NOT NULL {NEWEST_FIRST}"))


class BuildCache:
    """Use `opened`. Nothing is kept before `commit`: a build that fails leaves the index of the last one."""

    def __init__(self, folder: pathlib.Path, index: sqlite3.Connection):
        self.folder, self._index = folder, index
        self.rows = Rows(index)

    # ----- the last build

    def last_build(self) -> Tuple[Optional[str], Optional[str], Optional[dict]]:
        """(settings, state of git as JSON, report) of the last build."""
        settings, git, report = self._index.execute("SELECT settings, git, report FROM build").fetchone()
        return settings, git, report and json.loads(report)

    def commit(self, settings: str, git: Optional[str], report: dict) -> None:
        self._index.execute("UPDATE build SET settings = ?, git = ?, report = ?", (settings, git, schema.dumps(report)))
        self._index.execute("COMMIT")

    # ----- runs

    def known_runs(self) -> Dict[str, Tuple[str, str, str]]:
        """(key, contents, states) by folder."""
        return {row[0]: row[1:] for row in self._index.execute("SELECT folder, key, contents, states FROM run")}

    def touch(self, folder: str, states: str, raw: List[File]) -> None:
        """The contents of the run are the same, whatever its files' times and inodes are."""
        self._index.execute("UPDATE run SET states = ? WHERE folder = ?", (states, folder))
        self._index.executemany("UPDATE file SET size = ?, mtime_ns = ?, inode = ?, source = ? WHERE path = ? AND owner = ?",
                                [(file.size, file.mtime_ns, file.inode, file.source, file.path, folder) for file in raw])

    def put_run(self, folder: str, note: RunNote) -> None:
        before = self._key(folder)
        self._forget_run(folder, keep_key=note.key)
        self.put_files(folder, note.files, is_new=before is None)
        self._index.execute("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (
            folder, note.key, note.contents, note.states, note.run_id, note.started_at, note.device_tag, note.handle, note.done,
            note.machine, note.row, note.tables))
        self._index.executemany("INSERT OR IGNORE INTO part VALUES (?, ?)", [(cell_id, folder) for cell_id in note.cells])

    def remove_runs(self, folders: Iterable[str]) -> None:
        """Forget runs with their files. Before other runs are added, which may have files of the same names."""
        for folder in folders:
            self._forget_run(folder, keep_key=None)
            self.put_files(folder, [])

    def _key(self, folder: str) -> Optional[str]:
        row = self._index.execute("SELECT key FROM run WHERE folder = ?", (folder,)).fetchone()
        return row and row[0]

    def _forget_run(self, folder: str, keep_key: Optional[str]) -> None:
        key = self._key(folder)
        if key is not None:
            if key != keep_key:
                files.remove_file(run_path(self.folder, key))
            self._index.execute("DELETE FROM run WHERE folder = ?", (folder,))
            self._index.execute("DELETE FROM part WHERE folder = ?", (folder,))

    def run_facts(self) -> Iterator[tuple]:
        """(started_at, device tag, handle, done, machine as JSON, is_shown) of each run, newest first."""
        return self._index.execute(f"SELECT started_at, device_tag, handle, done, machine, row IS NOT NULL FROM run {NEWEST_FIRST}")

    def run_keys(self) -> List[str]:
        return [key for key, in self._index.execute(f"SELECT key FROM run {NEWEST_FIRST}")]

    # ----- cells

    def runs_by_cell(self) -> Iterator[Tuple[str, List[tuple]]]:
        """(cell id, [(key, device tag, is_shown) of each of its runs, newest first]), by cell id."""
        rows = self._index.execute("SELECT cell_id, key, device_tag, row IS NOT NULL FROM part JOIN run USING (folder) "
                                   "ORDER BY cell_id, started_at DESC, run_id DESC")
        for cell_id, group in itertools.groupby(rows, lambda row: row[0]):
            yield cell_id, [row[1:] for row in group]

    def runs_of(self, cell_id: str) -> List[tuple]:
        """(run id, started_at, `catalogue_run` record or None, key) of each run of a cell, newest first."""
        rows = self._index.execute("SELECT run_id, started_at, row, key FROM part JOIN run USING (folder) "
                                   f"WHERE cell_id = ? {NEWEST_FIRST}", (cell_id,))
        return [(run_id, started_at, row and json.loads(row), key) for run_id, started_at, row, key in rows.fetchall()]

    def cell(self, cell_id: str, key: str) -> Optional[dict]:
        """The `cell` record without by_run, if it is known under this key."""
        row = self._index.execute("SELECT cell FROM cell WHERE cell_id = ? AND key = ?", (cell_id, key)).fetchone()
        return row and json.loads(row[0])

    def cell_keys(self, cell_id: str) -> Tuple[str, Optional[str]]:
        """(key, key of its pages)."""
        return self._index.execute("SELECT key, pages_key FROM cell WHERE cell_id = ?", (cell_id,)).fetchone()

    def put_cell(self, cell_id: str, key: str, cell: dict, data: File) -> None:
        self._index.execute("INSERT OR REPLACE INTO cell VALUES (?, ?, ?, NULL)", (cell_id, key, schema.dumps(cell)))
        self.put_files(cell_id, [data])

    def put_cell_pages(self, cell_id: str, pages_key: str, made: List[File]) -> None:
        self.put_files(f"{cell_id} pages", made)
        self._index.execute("UPDATE cell SET pages_key = ? WHERE cell_id = ?", (pages_key, cell_id))

    def keep_cells(self, cell_ids: Set[str]) -> None:
        """Forget all others, with their files."""
        for cell_id, in self._index.execute("SELECT cell_id FROM cell").fetchall():
            if cell_id not in cell_ids:
                self.put_files(cell_id, [])
                self.put_files(f"{cell_id} pages", [])
                self._index.execute("DELETE FROM cell WHERE cell_id = ?", (cell_id,))

    # ----- the whole

    def whole_key(self) -> Optional[str]:
        row = self._index.execute("SELECT key FROM whole").fetchone()
        return row and row[0]

    def is_intact(self) -> bool:
        """Whether nothing was forgotten as damaged."""
        return self.whole_key() is not None and not self._index.execute(
            "SELECT 1 FROM run WHERE key = '' UNION ALL SELECT 1 FROM cell WHERE key = '' OR coalesce(pages_key, '') = ''").fetchone()

    def put_whole(self, key: str, made: List[File]) -> None:
        self.put_files(WHOLE, made)
        self._index.execute("DELETE FROM whole")
        self._index.execute("INSERT INTO whole VALUES (?)", (key,))

    # ----- files

    def put_files(self, owner: str, made: List[File], is_new: bool = False) -> None:
        """The files of a run, a cell, its pages or the whole; those that it had before and has no longer are removed."""
        if not is_new:
            paths = {file.path for file in made}
            for path, source in self._index.execute("SELECT path, source FROM file WHERE owner = ?", (owner,)).fetchall():
                if path not in paths and source is None:
                    files.remove_file(self.folder / "files" / path)
            self._index.execute("DELETE FROM file WHERE owner = ?", (owner,))
        try:
            self._index.executemany("INSERT INTO file VALUES (?, ?, ?, ?, ?, ?)", [
                (file.path, owner, file.size, file.mtime_ns, file.inode, file.source) for file in made])
        except sqlite3.IntegrityError:
            raise ValueError(f"two files of the site have the same path, one of them of {owner}") from None

    def forget_damaged(self) -> None:
        """Forget whatever has a file in files/ that is missing or was changed, so that it is made again."""
        present, damaged, moved = site_folder.states(self.folder / "files"), set(), []
        for path, owner, size, mtime_ns, inode in self._index.execute(
                "SELECT path, owner, size, mtime_ns, inode FROM file WHERE source IS NULL"):
            state = present.get(path)
            if state is None or state[:2] != (size, mtime_ns):
                damaged.add(owner)
            elif state[2] != inode:         # the cache was copied
                moved.append((state[2], path))
        self._index.executemany("UPDATE file SET inode = ? WHERE path = ?", moved)
        for owner in damaged:
            self._index.execute("UPDATE run SET key = '', states = '' WHERE folder = ?", (owner,))
            self._index.execute("UPDATE cell SET key = '' WHERE cell_id = ?", (owner,))
            self._index.execute("UPDATE cell SET pages_key = '' WHERE cell_id || ' pages' = ?", (owner,))
            if owner == WHOLE:
                self._index.execute("DELETE FROM whole")

    def refresh_inodes(self, paths: Iterable[str], sources: Dict[str, Tuple[int, str]]) -> None:
        """Take over the inodes of raw files whose contents are the same and whose inodes are not, as in another clone."""
        self._index.executemany("UPDATE file SET inode = ? WHERE path = ? AND source IS NOT NULL", [
            (state[2], path) for path in paths for state in [site_folder.state_of(sources[path][1])] if state is not None])

    def site(self) -> Dict[str, Tuple[int, str]]:
        """(inode, path of the source) of every file of the site, by path."""
        top = f"{self.folder}/files/"
        return {path: (inode, top + path if source is None else source)
                for path, inode, source in self._index.execute("SELECT path, inode, source FROM file")}


@contextlib.contextmanager
def opened(folder: pathlib.Path, version: str, afresh: bool = False) -> Iterator[BuildCache]:
    """The cache of a builder of this version; that of another version is discarded."""
    try:
        index = None if afresh else _open(folder / INDEX, version)
        if index is None:
            index = _create(folder, version)
        with contextlib.closing(index):
            index.execute("BEGIN")
            yield BuildCache(folder, index)
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as problem:
        raise UserError(f"the index of the cache cannot be written ({problem})", str(folder / INDEX),
                        "free some space, then run this again; the old site is unchanged") from None


def _create(folder: pathlib.Path, version: str) -> sqlite3.Connection:
    for name in ("files", "runs"):
        files.remove_folder(folder / name)
    for name in (INDEX, f"{INDEX}-journal"):
        files.remove_file(folder / name)
    index = sqlite3.connect(folder / INDEX, isolation_level=None)
    index.executescript(TABLES)
    index.execute("INSERT INTO build (version) VALUES (?)", (version,))
    return index


def _open(path: pathlib.Path, version: str) -> Optional[sqlite3.Connection]:
    """The index of the last build, if it is intact and was written by the same version of the harness."""
    if not path.is_file():
        return None
    index = sqlite3.connect(path, isolation_level=None)
    with contextlib.suppress(sqlite3.Error):
        if index.execute("SELECT version FROM build").fetchall() == [(version,)] and index.execute(
                "PRAGMA quick_check(1)").fetchall() == [("ok",)]:
            return index
    index.close()
    return None


def run_path(folder: pathlib.Path, key: str) -> pathlib.Path:
    """Where the contributions of a run are."""
    return pathlib.Path(f"{folder}/runs/{key[:2]}/{key}.json")


def put_file(folder: pathlib.Path, path: str, data: bytes | Iterable[bytes]) -> File:
    """Write one file of the site into files/. Any process may."""
    if not SAFE_PATH.match(path):
        raise ValueError(f"{path!r} is not a path within the site")
    target = folder / "files" / path
    files.write(target, data)
    return File(path, *site_folder.state_of(target))
