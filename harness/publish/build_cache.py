"""Build cache: what earlier builds made, beside the site, so that a build makes only what has changed.

    <out>.cache/index.sqlite    what is known of runs, cells and pages, and the state of every file
    <out>.cache/runs/           the contributions of each run
    <out>.cache/files/          the files of the site but the raw ones; those of the site are hard links of these
    <out>.cache/new/            a second copy of the site, also of hard links, in which the next site is prepared
    <out>.cache/folders.json    the states of these folders when the last build ended

It may be deleted at any time. It may contain what is redacted on the site.

The index is a database and not a folder of JSON notes named by their hashes. Measured with the same records of 10,000 runs
(of 1,000), processor time: to read all, 0.24 s against 1.04 s for notes (0.02 against 0.07); to read the keys alone, 0.02 s
against 0.01 s to list the notes' names; to write all, 0.43 s against 3.7 s (0.03 against 0.4); one more, 1 ms in both.
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

from base import files, json_text
from base.errors import UserError
from publish import database_rows, run_holds, site_folder
from publish.site_folder import FileStates, Source

INDEX = "index.sqlite"
SAFE_PATH = re.compile(r"[a-z0-9_][a-z0-9._-]*(?:/[a-z0-9_][a-z0-9._-]*)*\Z")
TABLES = """
CREATE TABLE build (version TEXT, settings TEXT, git TEXT, report TEXT);
CREATE TABLE run (folder TEXT PRIMARY KEY, key TEXT, contents TEXT, states TEXT, run_id TEXT, started_at TEXT, device_tag TEXT,
                  handle TEXT, done INTEGER, machine TEXT, is_shown INTEGER);
CREATE INDEX run_by_age ON run (started_at DESC, run_id DESC);
CREATE TABLE run_record (folder TEXT PRIMARY KEY, record TEXT);
CREATE TABLE part (cell_id TEXT, folder TEXT, PRIMARY KEY (cell_id, folder)) WITHOUT ROWID;
CREATE INDEX part_by_run ON part (folder);
CREATE TABLE cell (cell_id TEXT PRIMARY KEY, device_tag TEXT, key TEXT, machine TEXT, pages_key TEXT);
CREATE TABLE cell_record (cell_id TEXT PRIMARY KEY, record TEXT);
CREATE TABLE page (path TEXT PRIMARY KEY, key TEXT);
CREATE TABLE file (path TEXT PRIMARY KEY, owner TEXT, size INTEGER, mtime_ns INTEGER, inode INTEGER, source TEXT);
CREATE INDEX file_by_owner ON file (owner);
"""
NEWEST_FIRST = database_rows.NEWEST_FIRST
DATA = "data"               # the owner of the files of data that depend on all runs
RECORDS_AT_ONCE = 500


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
    """What is kept of a run. `machine` (its device facts) and `record` (its `catalogue_run`) are JSON, None for a withheld run;
    `cells` are the ids of its cells; `tables` are its rows of the database."""
    key: str
    contents: str
    states: str
    run_id: str
    started_at: str
    device_tag: str
    handle: str
    done: Optional[int]
    machine: Optional[str]
    record: Optional[str]
    tables: database_rows.Tables
    files: List[File]
    cells: List[str]


class RunRecords:
    """The `catalogue_run` records of the shown runs, newest first, read when they are needed."""

    def __init__(self, index: sqlite3.Connection):
        self._index = index

    def __len__(self) -> int:
        return self._index.execute("SELECT count(*) FROM run WHERE is_shown").fetchone()[0]

    def __iter__(self) -> Iterator[dict]:
        return map(json.loads, self.lines())

    def __getitem__(self, some: slice) -> List[dict]:
        return list(itertools.islice(self, some.start, some.stop, some.step))

    def lines(self) -> Iterator[str]:
        """The same as lines of JSON."""
        rows = self._index.execute(f"SELECT record FROM run JOIN run_record USING (folder) WHERE is_shown {NEWEST_FIRST}")
        return (record for record, in rows)

    def newest_by_device(self, count: int) -> Iterator[dict]:
        """The newest `count` runs of each device."""
        seen: Dict[str, int] = {}
        for device_tag, folder in self._index.execute(f"SELECT device_tag, folder FROM run WHERE is_shown {NEWEST_FIRST}"):
            seen[device_tag] = seen.get(device_tag, 0) + 1
            if seen[device_tag] <= count:
                yield json.loads(self._index.execute("SELECT record FROM run_record WHERE folder = ?", (folder,)).fetchone()[0])


class BuildCache:
    """Use `opened`. Nothing is kept before a commit."""

    def __init__(self, folder: pathlib.Path, index: sqlite3.Connection, is_as_left: bool):
        self.folder, self._index = folder, index
        self.is_as_left = is_as_left        # the last build came to an end, and nobody changed its index and files since
        self.records = RunRecords(index)
        self.changed: Set[str] = set()      # paths of the site that this build made, removed or made anew

    # ----- the last build

    def last_build(self) -> Tuple[Optional[str], Optional[str], Optional[dict]]:
        """(settings, state of git as JSON, report) of the last build that came to an end."""
        settings, git, report = self._index.execute("SELECT settings, git, report FROM build").fetchone()
        return settings, git, report and json.loads(report)

    def commit_rows(self) -> None:
        """Let another connection read the rows of the database. Until `commit`, nothing counts as known from the last build."""
        self._index.execute("UPDATE build SET settings = NULL")
        self._index.execute("COMMIT")
        self._index.execute("BEGIN")

    def commit(self, settings: str, git: Optional[str], report: dict) -> None:
        self._index.execute("UPDATE build SET settings = ?, git = ?, report = ?", (settings, git, json_text.dumps(report)))
        self._index.execute("COMMIT")

    def state(self) -> Optional[List[int]]:
        """That of the index's file, by which the next build sees that nobody changed it."""
        return _state(self.folder / INDEX)

    # ----- runs

    def known_runs(self) -> Dict[str, Tuple[str, str, str]]:
        """(key, contents, states) by folder."""
        return {row[0]: row[1:] for row in self._index.execute("SELECT folder, key, contents, states FROM run")}

    def touch(self, folder: str, states: str, raw: List[File]) -> None:
        """The contents of the run are the same, whatever its files' times and inodes are."""
        self._index.execute("UPDATE run SET states = ? WHERE folder = ?", (states, folder))
        self._index.executemany("UPDATE file SET size = ?, mtime_ns = ?, inode = ?, source = ? WHERE path = ? AND owner = ?",
                                [(file.size, file.mtime_ns, file.inode, file.source, file.path, folder) for file in raw])
        self.changed.update(file.path for file in raw)

    def put_run(self, folder: str, note: RunNote) -> None:
        is_known = self._forget_run(folder, keep_key=note.key)
        self.put_files(folder, note.files, is_new=not is_known)
        self._index.execute("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (
            folder, note.key, note.contents, note.states, note.run_id, note.started_at, note.device_tag, note.handle, note.done,
            note.machine, note.record is not None))
        if note.record is not None:
            self._index.execute("INSERT INTO run_record VALUES (?, ?)", (folder, note.record))
        database_rows.put(self._index, folder, note.tables)
        self._index.executemany("INSERT OR IGNORE INTO part VALUES (?, ?)", [(cell_id, folder) for cell_id in note.cells])
        self._index.executemany("INSERT OR IGNORE INTO cell (cell_id, device_tag) VALUES (?, ?)",
                                [(cell_id, note.device_tag) for cell_id in note.cells])
        self._index.executemany("UPDATE cell SET key = '' WHERE cell_id = ?", [(cell_id,) for cell_id in note.cells])

    def remove_runs(self, folders: Iterable[str]) -> None:
        """Forget runs with their files. Before other runs are added, which may have files of the same names."""
        for folder in folders:
            self._forget_run(folder, keep_key=None)
            self.put_files(folder, [])

    def _forget_run(self, folder: str, keep_key: Optional[str]) -> bool:
        """Whether it was known. Its cells are to be pooled again."""
        row = self._index.execute("SELECT key FROM run WHERE folder = ?", (folder,)).fetchone()
        if row is None:
            return False
        self._index.execute("UPDATE cell SET key = '' WHERE cell_id IN (SELECT cell_id FROM part WHERE folder = ?)", (folder,))
        if row[0] != keep_key:
            files.remove_file(run_path(self.folder, row[0]))
        for table in ("run", "run_record", "part"):
            self._index.execute(f"DELETE FROM {table} WHERE folder = ?", (folder,))
        database_rows.remove(self._index, folder, database_rows.OF_RUNS)
        return True

    def run_facts(self) -> Iterator[tuple]:
        """(started_at, device tag, handle, done, machine as JSON, is_shown) of each run, newest first."""
        return self._index.execute(f"SELECT started_at, device_tag, handle, done, machine, is_shown FROM run {NEWEST_FIRST}")

    def run_keys(self) -> List[str]:
        return [key for key, in self._index.execute(f"SELECT key FROM run {NEWEST_FIRST}")]

    def compare_runs(self, runs: Dict[str, str], changed: Set[str]) -> Set[str]:
        """Compare the changed runs with all others; the runs whose findings are other than before."""
        return run_holds.update(self._index, runs, changed)

    def holds_of(self, folder: str) -> List[dict]:
        return run_holds.of_run(self._index, folder)

    # ----- cells

    def cells(self) -> List[Tuple[str, str, str, Optional[str]]]:
        """(cell id, device tag, key, machine) of each cell that a run takes part in or took part in."""
        return self._index.execute("SELECT cell_id, device_tag, coalesce(key, ''), machine FROM cell ORDER BY cell_id").fetchall()

    def is_cell_shown(self, cell_id: str) -> bool:
        """Whether a run of the cell is shown."""
        return self._index.execute("SELECT 1 FROM part JOIN run USING (folder) WHERE cell_id = ? AND is_shown", (cell_id,)).fetchone() is not None

    def runs_of(self, cell_id: str) -> List[tuple]:
        """(run id, started_at, `catalogue_run` record or None, key) of each run of a cell, newest first."""
        rows = self._index.execute("SELECT run_id, started_at, record, key FROM part JOIN run USING (folder) LEFT JOIN run_record "
                                   f"USING (folder) WHERE cell_id = ? {NEWEST_FIRST}", (cell_id,))
        return [(run_id, started_at, record and json.loads(record), key) for run_id, started_at, record, key in rows.fetchall()]

    def put_cell(self, cell_id: str, key: str, machine: str, record: str, tables: database_rows.Tables, data: File) -> None:
        """`record` is the `cell` record without by_run as JSON, `machine` what it was pooled for."""
        self._index.execute("UPDATE cell SET key = ?, machine = ? WHERE cell_id = ?", (key, machine, cell_id))
        self._index.execute("INSERT OR REPLACE INTO cell_record VALUES (?, ?)", (cell_id, record))
        database_rows.put(self._index, cell_id, tables)
        self.put_files(cell_id, [data])

    def remove_cell(self, cell_id: str) -> None:
        """A cell without a shown run. It comes back with the first one."""
        for owner in (cell_id, f"{cell_id} pages"):
            self.put_files(owner, [])
        for table in ("cell", "cell_record"):
            self._index.execute(f"DELETE FROM {table} WHERE cell_id = ?", (cell_id,))
        database_rows.remove(self._index, cell_id, database_rows.OF_CELLS)

    def cell_records(self) -> List[str]:
        """The `cell` records without by_run, as JSON, in order."""
        return [record for record, in self._index.execute("SELECT record FROM cell_record ORDER BY cell_id")]

    def cell_keys(self) -> Dict[str, Tuple[str, Optional[str]]]:
        """(key, key of its pages) by cell id."""
        return {cell_id: (key, pages_key) for cell_id, key, pages_key in self._index.execute("SELECT cell_id, key, pages_key FROM cell")}

    def put_cell_pages(self, cell_id: str, pages_key: str, made: List[File]) -> None:
        self.put_files(f"{cell_id} pages", made)
        self._index.execute("UPDATE cell SET pages_key = ? WHERE cell_id = ?", (pages_key, cell_id))

    # ----- the whole

    def page_keys(self) -> Dict[str, str]:
        return dict(self._index.execute("SELECT path, key FROM page"))

    def put_page(self, key: str, page: File) -> None:
        self.put_files(page.path, [page])
        self._index.execute("INSERT OR REPLACE INTO page VALUES (?, ?)", (page.path, key))

    def remove_page(self, path: str) -> None:
        self.put_files(path, [])
        self._index.execute("DELETE FROM page WHERE path = ?", (path,))

    def put_data(self, key: str, made: List[File]) -> None:
        """The files of data that depend on all runs."""
        self.put_files(DATA, made)
        self._index.execute("INSERT OR REPLACE INTO page VALUES (?, ?)", (DATA, key))

    def is_intact(self) -> bool:
        """Whether all was made, and nothing was forgotten as damaged."""
        return DATA in self.page_keys() and not self._index.execute(
            "SELECT 1 FROM run WHERE key = '' UNION ALL SELECT 1 FROM cell WHERE coalesce(key, '') = '' OR coalesce(pages_key, '') = '' "
            "UNION ALL SELECT 1 FROM page WHERE key = ''").fetchone()

    # ----- files

    def put_files(self, owner: str, made: List[File], is_new: bool = False) -> None:
        """The files of a run, a cell, a page or the data; those that it had before and has no longer are removed."""
        paths = {file.path for file in made}
        self.changed |= paths
        if not is_new:
            for path, source in self._index.execute("SELECT path, source FROM file WHERE owner = ?", (owner,)).fetchall():
                self.changed.add(path)
                if path not in paths and source is None:
                    files.remove_file(self.folder / "files" / path)
            self._index.execute("DELETE FROM file WHERE owner = ?", (owner,))
        try:
            self._index.executemany("INSERT INTO file VALUES (?, ?, ?, ?, ?, ?)", [
                (file.path, owner, file.size, file.mtime_ns, file.inode, file.source) for file in made])
        except sqlite3.IntegrityError:
            raise ValueError(f"two files of the site have the same path, one of them of {owner}") from None

    def forget_damaged(self, present: FileStates) -> None:
        """Forget whatever has a file in files/ that is missing or was changed, so that it is made again."""
        damaged, moved = set(), []
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
            self._index.execute("UPDATE page SET key = '' WHERE path = ?", (owner,))

    def refresh_inodes(self, paths: Iterable[str], sources: Dict[str, Source]) -> None:
        """Take over the inodes of raw files whose contents are the same and whose inodes are not, as in another clone."""
        self._index.executemany("UPDATE file SET inode = ? WHERE path = ? AND source IS NOT NULL", [
            (state[2], path) for path in paths for state in [site_folder.state_of(sources[path].path)] if state is not None])

    def site(self) -> Dict[str, Source]:
        """Every file of the site, by path."""
        return {path: self._source(path, inode, source) for path, inode, source in self._index.execute("SELECT path, inode, source FROM file")}

    def changes(self) -> Dict[str, Optional[Source]]:
        """The files of the site that this build changed; None: there is no such file any more."""
        result: Dict[str, Optional[Source]] = dict.fromkeys(sorted(self.changed))
        for path in result:
            row = self._index.execute("SELECT inode, source FROM file WHERE path = ?", (path,)).fetchone()
            result[path] = row and self._source(path, *row)
        return result

    def _source(self, path: str, inode: int, source: Optional[str]) -> Source:
        return Source(inode, f"{self.folder}/files/{path}" if source is None else source)

    def count_files(self) -> int:
        return self._index.execute("SELECT count(*) FROM file").fetchone()[0]


@contextlib.contextmanager
def opened(folder: pathlib.Path, version: str, afresh: bool = False, left: Optional[List[int]] = None) -> Iterator[BuildCache]:
    """The cache of a builder of this version; that of another version is discarded. `left` is the state in which the last build left
    the index, which need not be searched for damage if it is still in it."""
    try:
        is_as_left = left is not None and left == _state(folder / INDEX)
        index = None if afresh else _open(folder / INDEX, version, is_as_left)
        if index is None:
            index, is_as_left = _create(folder, version), False
        with contextlib.closing(index):
            index.execute("BEGIN")
            yield BuildCache(folder, index, is_as_left)
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as problem:
        raise UserError(f"the index of the cache cannot be written ({problem})", str(folder / INDEX),
                        "free some space, then run this again; the old site is unchanged") from None


def _create(folder: pathlib.Path, version: str) -> sqlite3.Connection:
    for name in ("files", "runs"):
        files.remove_folder(folder / name)
    for name in (INDEX, f"{INDEX}-journal"):
        files.remove_file(folder / name)
    index = sqlite3.connect(folder / INDEX, isolation_level=None)
    index.execute("BEGIN")
    for statement in TABLES.split(";"):
        index.execute(statement)
    database_rows.create(index)
    run_holds.create(index)
    index.execute("INSERT INTO build (version) VALUES (?)", (version,))
    index.execute("COMMIT")
    return index


def _state(path: pathlib.Path) -> Optional[List[int]]:
    state = site_folder.state_of(path)
    return state and list(state)


def _open(path: pathlib.Path, version: str, is_intact: bool) -> Optional[sqlite3.Connection]:
    """The index of the last build, if it is intact and was written by the same version of the harness."""
    if not path.is_file():
        return None
    index = sqlite3.connect(path, isolation_level=None)
    with contextlib.suppress(sqlite3.Error):
        if index.execute("SELECT version FROM build").fetchall() == [(version,)] and (
                is_intact or index.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]):
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
