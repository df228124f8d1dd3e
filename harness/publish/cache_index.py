"""Cache index: open the database of the build cache, and check whether it is as the last build left it."""
from __future__ import annotations

import contextlib
import pathlib
import sqlite3
from typing import Iterator, List, NamedTuple, Optional

from base import files
from base.errors import UserError
from publish import cache_files, database_rows, run_holds, site_folder

NAME = "index.sqlite"
FOLDERS = ("files", "runs", "pools")
TABLES = """
CREATE TABLE build (version TEXT, settings TEXT, git TEXT, report TEXT);
CREATE TABLE run (folder TEXT PRIMARY KEY, key TEXT, contents TEXT, states TEXT, run_id TEXT, started_at TEXT, device_tag TEXT,
                  handle TEXT, done INTEGER, machine TEXT, is_shown INTEGER);
CREATE INDEX run_by_age ON run (started_at DESC, run_id DESC, is_shown, folder);
CREATE INDEX run_by_person ON run (device_tag, handle, is_shown, started_at, done);
CREATE INDEX run_by_device ON run (device_tag, is_shown, started_at DESC, run_id DESC);
CREATE TABLE run_record (folder TEXT PRIMARY KEY, record TEXT);
CREATE TABLE part (cell_id TEXT, folder TEXT, sketch TEXT, PRIMARY KEY (cell_id, folder)) WITHOUT ROWID;
CREATE INDEX part_by_run ON part (folder);
CREATE TABLE cell (cell_id TEXT PRIMARY KEY, device_tag TEXT, key TEXT, machine TEXT, pages_key TEXT);
CREATE TABLE cell_record (cell_id TEXT PRIMARY KEY, record TEXT);
CREATE TABLE page (path TEXT PRIMARY KEY, key TEXT);
"""


class OpenIndex(NamedTuple):
    connection: sqlite3.Connection
    is_as_left: bool        # nobody has changed it since the last build ended


@contextlib.contextmanager
def opened(folder: pathlib.Path, version: str, afresh: bool, left: Optional[List[int]]) -> Iterator[OpenIndex]:
    """The index of a builder of this version; that of another version is discarded with the cache. `left` is the state in which
    the last build left it: as long as it is still in it, it need not be searched for damage."""
    try:
        is_as_left = left is not None and left == state(folder)
        connection = None if afresh else _open(folder / NAME, version, is_as_left)
        index = OpenIndex(_create(folder, version), False) if connection is None else OpenIndex(connection, is_as_left)
        with contextlib.closing(index.connection):
            index.connection.execute("BEGIN")
            yield index
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as problem:
        raise UserError(f"the index of the cache cannot be written ({problem})", str(folder / NAME),
                        "free some space, then run this again; the old site is unchanged") from None


def state(folder: pathlib.Path) -> Optional[List[int]]:
    """The state of the index's file, by which the next build sees that nobody changed it."""
    state_of_file = site_folder.state_of(folder / NAME)
    return None if state_of_file is None else list(state_of_file)


def _create(folder: pathlib.Path, version: str) -> sqlite3.Connection:
    for name in FOLDERS:
        files.remove_folder(folder / name)
    for name in (NAME, f"{NAME}-journal"):
        files.remove_file(folder / name)
    connection = sqlite3.connect(folder / NAME, isolation_level=None)
    connection.execute("BEGIN")
    for statement in (TABLES + cache_files.TABLES).split(";"):
        connection.execute(statement)
    database_rows.create(connection)
    run_holds.create(connection)
    connection.execute("INSERT INTO build (version) VALUES (?)", (version,))
    connection.execute("COMMIT")
    return connection


def _open(path: pathlib.Path, version: str, is_intact: bool) -> Optional[sqlite3.Connection]:
    """The index of the last build, if it is intact and was written by the same version of the harness."""
    if not path.is_file():
        return None
    connection = sqlite3.connect(path, isolation_level=None)
    with contextlib.suppress(sqlite3.Error):
        if connection.execute("SELECT version FROM build").fetchall() == [(version,)] and (
                is_intact or connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]):
            return connection
    connection.close()
    return None
