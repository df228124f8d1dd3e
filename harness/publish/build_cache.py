"""Build cache: what earlier builds made, beside the site, so that a build makes only what has changed.

    <out>.cache/index.sqlite    what is known of runs, cells and pages, and the state of every file
    <out>.cache/runs/           the contributions of each run
    <out>.cache/pools/          what the runs of each cell add up to
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
import sqlite3
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from base import files, json_text
from publish import cache_files, cache_index, database_rows, page_inputs, run_holds
from publish.cache_files import File
from publish.catalogue import DeviceRuns
from publish.site_folder import FileStates

NEWEST_FIRST = "ORDER BY run.started_at DESC, run.run_id DESC"
DATA = "data"               # the owner of the files of data that depend on all runs
MADE, STALE = "made", ""    # keys of the same


@dataclass(frozen=True)
class RunNote:
    """What is kept of a run. `machine` (its device facts) and `record` (its `catalogue_run`) are JSON, None for a withheld run;
    `cells` are (id, what the cell's page draws of the run as JSON) of its cells; `tables` are its rows of the database."""
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
    cells: List[Tuple[str, Optional[str]]]


@dataclass(frozen=True)
class CellNote:
    """What is kept of a cell. `record` is the `cell` record without by_run as JSON, `data` its file, which has it whole;
    `machine` are the facts of its device for which it was pooled."""
    cell_id: str
    key: str
    machine: str
    record: str
    tables: database_rows.Tables
    data: File


class KnownRun(NamedTuple):
    """Hashes: of all that decides what is made of a run, of its files' contents, and of their states."""
    key: str
    contents: str
    states: str


class LastBuild(NamedTuple):
    """What the last build that came to an end was for, the state of git as JSON, and what it reported."""
    settings: Optional[str]
    git: Optional[str]
    report: Dict


class RunRecords:
    """The `catalogue_run` records of the shown runs, newest first, read when they are needed."""

    def __init__(self, index: sqlite3.Connection):
        self._index = index
        self.changed: Set[str] = set()      # ids of runs that this build added or made anew

    def __len__(self) -> int:
        return self._index.execute("SELECT count(*) FROM run WHERE is_shown").fetchone()[0]

    def __iter__(self) -> Iterator[dict]:
        return (json.loads(record) for record, in self._index.execute(
            f"SELECT record FROM run JOIN run_record USING (folder) WHERE is_shown {NEWEST_FIRST}"))

    def __getitem__(self, some: slice) -> List[dict]:
        return list(itertools.islice(self, some.start, some.stop, some.step))

    def lines(self, earlier: Iterable[bytes] = ()) -> Iterator[bytes]:
        """The same as JSON. Records that this build did not change are taken from `earlier`, the lines of the last file."""
        rest, changed = iter(earlier), {run_id.encode("ascii") for run_id in self.changed}
        for folder, run_id in self._index.execute(f"SELECT folder, CAST(run_id AS BLOB) FROM run WHERE is_shown {NEWEST_FIRST}"):
            beginning = b'{"run_id":"' + run_id + b'"'
            for line in () if run_id in changed else rest:
                if line.startswith(beginning):
                    yield line.rstrip(b",\n")
                    break
            else:
                yield self._record(folder).encode("ascii")

    def _record(self, folder: str) -> str:
        return self._index.execute("SELECT record FROM run_record WHERE folder = ?", (folder,)).fetchone()[0]

    def newest_by_device(self, count: int) -> Iterator[dict]:
        """The newest `count` runs of each device."""
        for device_tag, in self._index.execute("SELECT DISTINCT device_tag FROM run WHERE is_shown").fetchall():
            rows = self._index.execute("SELECT record FROM run JOIN run_record USING (folder) "
                                       f"WHERE device_tag = ? AND is_shown = 1 {NEWEST_FIRST} LIMIT ?", (device_tag, count))
            yield from (json.loads(record) for record, in rows)


class BuildCache:
    """Use `opened`. Nothing is kept before a commit."""

    def __init__(self, folder: pathlib.Path, index: cache_index.OpenIndex):
        self.folder, self._index, self.is_as_left = folder, index.connection, index.is_as_left
        self.records = RunRecords(index.connection)
        self.files = cache_files.CacheFiles(folder, index.connection)
        self._obsolete: Set[pathlib.Path] = set()   # files that are not needed once this build is kept
        self._has_changed = False                   # a run or a cell, since the files of data were made

    # ----- the last build

    def last_build(self) -> LastBuild:
        settings, git, report = self._index.execute("SELECT settings, git, report FROM build").fetchone()
        return LastBuild(settings, git, json.loads(report) if report else {})

    def commit_rows(self) -> None:
        """Let another connection read the rows of the database. Until `commit`, nothing counts as known from the last build."""
        self._index.execute("UPDATE build SET settings = NULL")
        self._keep_staleness()
        database_rows.number_variants(self._index)
        self._index.execute("COMMIT")
        self._index.execute("PRAGMA cache_spill = OFF")     # writing before the next commit would have to wait for that connection
        self._index.execute("BEGIN")

    def commit(self, settings: str, git: Optional[str], report: dict) -> None:
        self._keep_staleness()
        self._index.execute("UPDATE build SET settings = ?, git = ?, report = ?", (settings, git, json_text.dumps(report)))
        self._index.execute("COMMIT")
        for path in self._obsolete:
            files.remove_file(path)

    def state(self) -> Optional[List[int]]:
        return cache_index.state(self.folder)

    # ----- runs

    def known_folders(self) -> Set[str]:
        """The folders of all runs that were not rejected."""
        return {folder for folder, in self._index.execute("SELECT folder FROM run")}

    def damaged_runs(self) -> Set[str]:
        return {folder for folder, in self._index.execute("SELECT folder FROM run WHERE key = ''")}

    def known_states(self) -> Dict[str, str]:
        return dict(self._index.execute("SELECT folder, states FROM run"))

    def known_run(self, folder: str) -> Optional[KnownRun]:
        row = self._index.execute("SELECT key, contents, states FROM run WHERE folder = ?", (folder,)).fetchone()
        return None if row is None else KnownRun(*row)

    def touch(self, folder: str, states: str, raw: List[File]) -> None:
        """The contents of the run are the same, whatever its files' times and inodes are."""
        self._index.execute("UPDATE run SET states = ? WHERE folder = ?", (states, folder))
        self.files.touch(folder, raw)

    def put_run(self, folder: str, note: RunNote) -> None:
        is_known = self._forget_run(folder)
        self._obsolete.discard(run_path(self.folder, note.key))
        self.files.put(folder, note.files, is_new=not is_known)
        self._index.execute("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (
            folder, note.key, note.contents, note.states, note.run_id, note.started_at, note.device_tag, note.handle, note.done,
            note.machine, note.record is not None))
        if note.record is not None:
            self._index.execute("INSERT INTO run_record VALUES (?, ?)", (folder, note.record))
        database_rows.put_run(self._index, note.tables)
        cells = [cell_id for cell_id, _ in note.cells]
        self._index.executemany("INSERT OR IGNORE INTO part VALUES (?, ?, ?)", [(cell_id, folder, sketch) for cell_id, sketch in note.cells])
        self._index.executemany("INSERT OR IGNORE INTO cell (cell_id, device_tag) VALUES (?, ?)", [(cell_id, note.device_tag) for cell_id in cells])
        self._index.executemany("UPDATE cell SET key = '' WHERE cell_id = ?", [(cell_id,) for cell_id in cells])
        self.records.changed.add(note.run_id)
        self._has_changed = True

    def remove_runs(self, folders: Iterable[str]) -> None:
        """Forget runs with their files. Before other runs are added, which may have files of the same names."""
        for folder in folders:
            self._forget_run(folder)
            self.files.put(folder, [])

    def _forget_run(self, folder: str) -> bool:
        """Whether it was known. Its cells are to be pooled again."""
        known = self.known_run(folder)
        if known is None:
            return False
        self._index.execute("UPDATE cell SET key = '' WHERE cell_id IN (SELECT cell_id FROM part WHERE folder = ?)", (folder,))
        self._obsolete.add(run_path(self.folder, known.key))
        database_rows.remove_run(self._index, folder)
        for table in ("run", "run_record", "part"):
            self._index.execute(f"DELETE FROM {table} WHERE folder = ?", (folder,))
        self._has_changed = True
        return True

    def device_runs(self) -> List[DeviceRuns]:
        """What all runs of each device add up to."""
        devices: Dict[str, DeviceRuns] = {}
        for tag, handle, is_shown, runs, calls, newest in self._index.execute(
                "SELECT device_tag, handle, is_shown, count(*), coalesce(sum(done), 0), max(started_at) FROM run GROUP BY 1, 2, 3").fetchall():
            if tag not in devices:
                devices[tag] = DeviceRuns(tag, self._machine_of(tag))
            if is_shown:
                devices[tag].add_shown(runs, calls, handle, newest)
            else:
                devices[tag].withheld += runs
        return list(devices.values())

    def _machine_of(self, device_tag: str) -> dict:
        """The facts of a device from its newest run that knows what it is, else from its oldest."""
        machine: dict = {}
        for text, in self._index.execute(f"SELECT machine FROM run WHERE device_tag = ? AND is_shown = 1 {NEWEST_FIRST}", (device_tag,)):
            machine = json.loads(text)
            if machine["label"] is not None:
                break
        return machine

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

    def run_keys_of(self, cell_id: str) -> List[str]:
        """The key of each run of a cell, newest first."""
        return [key for key, in self._index.execute(f"SELECT key FROM part JOIN run USING (folder) WHERE cell_id = ? {NEWEST_FIRST}", (cell_id,))]

    def shown_runs_of(self, cell_id: str) -> List[Tuple[str, str]]:
        """(`catalogue_run` record, what the cell's page draws of it) of each shown run of a cell as JSON, newest first."""
        return self._index.execute("SELECT record, sketch FROM part JOIN run USING (folder) JOIN run_record USING (folder) "
                                   f"WHERE cell_id = ? {NEWEST_FIRST}", (cell_id,)).fetchall()

    def put_cell(self, note: CellNote) -> None:
        self._index.execute("UPDATE cell SET key = ?, machine = ? WHERE cell_id = ?", (note.key, note.machine, note.cell_id))
        self._index.execute("INSERT OR REPLACE INTO cell_record VALUES (?, ?)", (note.cell_id, note.record))
        database_rows.put_cell(self._index, note.cell_id, note.tables)
        self.files.put(note.cell_id, [note.data])
        self._has_changed = True

    def remove_cell(self, cell_id: str) -> None:
        """A cell without a shown run. It comes back with the first one."""
        for owner in (cell_id, f"{cell_id} pages"):
            self.files.put(owner, [])
        for table in ("cell", "cell_record"):
            self._index.execute(f"DELETE FROM {table} WHERE cell_id = ?", (cell_id,))
        database_rows.remove_cell(self._index, cell_id)
        self._obsolete.add(pool_path(self.folder, cell_id))
        self._has_changed = True

    def cell_records(self) -> List[str]:
        """The `cell` records without by_run, as JSON, in order."""
        return [record for record, in self._index.execute("SELECT record FROM cell_record ORDER BY cell_id")]

    def cell_keys(self) -> Dict[str, Tuple[str, Optional[str]]]:
        """(key, key of its pages) by cell id."""
        return {cell_id: (key, pages_key) for cell_id, key, pages_key in self._index.execute("SELECT cell_id, key, pages_key FROM cell")}

    def put_cell_pages(self, cell_id: str, pages_key: str, made: List[File]) -> None:
        self.files.put(f"{cell_id} pages", made)
        self._index.execute("UPDATE cell SET pages_key = ? WHERE cell_id = ?", (pages_key, cell_id))

    # ----- the whole

    def page_keys(self) -> Dict[str, str]:
        """Without that of the data."""
        return dict(self._index.execute("SELECT path, key FROM page WHERE path <> ?", (DATA,)))

    def put_page(self, key: str, page: File) -> None:
        self.files.put(page.path, [page])
        self._index.execute("INSERT OR REPLACE INTO page VALUES (?, ?)", (page.path, key))

    def remove_page(self, path: str) -> None:
        self.files.put(path, [])
        self._index.execute("DELETE FROM page WHERE path = ?", (path,))

    def put_data(self, made: List[File]) -> None:
        """The files of data that depend on all runs."""
        self.files.put(DATA, made)
        self._index.execute("INSERT OR REPLACE INTO page VALUES (?, ?)", (DATA, MADE))
        self._has_changed = False

    def is_data_stale(self) -> bool:
        """Whether a run or a cell was added, changed or removed since the files of data were made."""
        return self._has_changed or not self._has_data()

    def _has_data(self) -> bool:
        return self._index.execute("SELECT 1 FROM page WHERE path = ? AND key = ?", (DATA, MADE)).fetchone() is not None

    def earlier_data(self, path: str) -> bytes:
        """A file of data as the last build made it; empty where that is not known."""
        return (self.folder / "files" / path).read_bytes() if self._has_data() else b""

    def _keep_staleness(self) -> None:
        if self._has_changed:
            self._index.execute("UPDATE page SET key = ? WHERE path = ?", (STALE, DATA))

    # ----- damage

    def is_intact(self) -> bool:
        """Whether all was made, and nothing was forgotten as damaged."""
        return not self.is_data_stale() and not self._index.execute(
            "SELECT 1 FROM run WHERE key = '' UNION ALL SELECT 1 FROM cell WHERE coalesce(key, '') = '' OR coalesce(pages_key, '') = '' "
            "UNION ALL SELECT 1 FROM page WHERE key = ''").fetchone()

    def forget_damaged(self, present: FileStates) -> None:
        """Forget whatever has a file in files/ that is missing or was changed, so that it is made again."""
        for owner in self.files.damaged_owners(present):
            self._index.execute("UPDATE run SET key = '', states = '' WHERE folder = ?", (owner,))
            self._index.execute("UPDATE cell SET key = '' WHERE cell_id = ?", (owner,))
            self._index.execute("UPDATE cell SET pages_key = '' WHERE cell_id || ' pages' = ?", (owner,))
            self._index.execute("UPDATE page SET key = '' WHERE path = ?", (owner,))


@contextlib.contextmanager
def opened(folder: pathlib.Path, version: str, afresh: bool = False, left: Optional[List[int]] = None) -> Iterator[BuildCache]:
    """The cache of a builder of this version; see cache_index.opened."""
    with cache_index.opened(folder, version, afresh, left) as index:
        yield BuildCache(folder, index)


def run_path(folder: pathlib.Path, key: str) -> pathlib.Path:
    """Where the contributions of a run are."""
    return pathlib.Path(f"{folder}/runs/{key[:2]}/{key}.json")


def pool_path(folder: pathlib.Path, cell_id: str) -> pathlib.Path:
    """Where the pool of a cell is."""
    return folder / "pools" / pathlib.PurePosixPath(page_inputs.data_of_cell(cell_id)).name
