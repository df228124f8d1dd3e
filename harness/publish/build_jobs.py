"""Tasks: what a process of the builder is given to do, told by values alone so that any process may do it."""
from __future__ import annotations

import collections
import dataclasses
import hashlib
import json
import os
import pathlib

from base import files, run_folder, schema
from judge import tree_layout
from publish import pages, pooling, process_run
from publish.build_cache import RunNote, digest, put_file, run_path

RunTask = collections.namedtuple("RunTask", "folder shown entry synthetic now_s cache key contents states")
CellTask = collections.namedtuple("CellTask", "cell_id given machine cache key")
PageTask = collections.namedtuple("PageTask", "cell_id view cache key")
BLOCK_BYTES = 1 << 20


def run(task: RunTask) -> tuple:
    """(shown, RunNote for the index or None, the errors for which it is refused). Files and contributions are written."""
    taken = process_run.process(pathlib.Path(task.folder), task.shown, task.entry, task.synthetic, task.now_s)
    if taken.errors:
        return task.shown, None, taken.errors
    cache = pathlib.Path(task.cache)
    files.write(run_path(cache, task.key), schema.dumps(taken.contributions).encode("ascii"))
    made = [put_file(cache, path, data) for path, data in taken.files]
    place, row = tree_layout.place_of(task.shown), taken.row
    note = RunNote(task.key, task.contents, task.states, taken.run_id, taken.started_at, place.device_tag, place.handle,
                   row and row["done"], taken.machine and schema.dumps(taken.machine), row and schema.dumps(row), made,
                   [one["cell_id"] for one in taken.contributions])
    return task.shown, note, []


def cell(task: CellTask) -> tuple:
    """(cell id, key, the `cell` record without by_run, the state of its data file, which has all of it)."""
    cache, given = pathlib.Path(task.cache), []
    for run_id, started_at, row, key in task.given:
        contributions = json.loads(run_path(cache, key).read_bytes())
        given += [pooling.CellRun(run_id, started_at, row, one) for one in contributions if one["cell_id"] == task.cell_id]
    found = pooling.cell(given, task.machine)
    made = put_file(cache, found["data"], schema.dumps(found).encode("ascii") + b"\n")
    for variant in found["variants"]:
        del variant["by_run"]
    return task.cell_id, task.key, found, made


def cell_pages(task: PageTask) -> tuple:
    """(cell id, key of the view, the states of its files). The cell with by_run is read from its data file."""
    cache = pathlib.Path(task.cache)
    whole = json.loads((cache / "files" / task.view.cell["data"]).read_bytes())
    return task.cell_id, task.key, [put_file(cache, path, data) for path, data in pages.cell(dataclasses.replace(task.view, cell=whole))]


def states(folder: pathlib.Path) -> str:
    """What tells that nothing in a folder was touched, without reading it: a hash of names, modes, sizes and times."""
    return digest(_states(folder))


def _states(folder: pathlib.Path) -> list:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            state = entry.stat(follow_symlinks=False)
            found.append([entry.name, state.st_mode, state.st_size, state.st_mtime_ns, state.st_ctime_ns])
    return sorted(found)


def contents(folder: pathlib.Path) -> str:
    """A hash of names, modes and bytes; of what is none of the five the name alone, since a run with more is refused."""
    found = []
    for name, mode, *_ in _states(folder):
        path = folder / name
        is_one = name in run_folder.FILES and path.is_file() and not path.is_symlink()
        found.append([name, mode, _sha256(path) if is_one else None])
    return digest(found)


def _sha256(path: pathlib.Path) -> str:
    whole = hashlib.sha256()
    with files.mendable(path), open(path, "rb") as source:
        for block in iter(lambda: source.read(BLOCK_BYTES), b""):
            whole.update(block)
    return whole.hexdigest()
