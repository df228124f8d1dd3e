"""Build jobs: what a worker process of the builder does for a run, a cell or the pages of a cell. Arguments are plain values."""
from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from dataclasses import dataclass
from typing import List, Optional, Tuple

from base import files, json_text
from base.errors import UserError
from judge import findings, run_check, tree_layout
from publish import build_cache, database_rows, page_inputs, pages, pooling, process_run, run_holds
from publish.build_cache import File, RunNote


@dataclass(frozen=True)
class RunJob:
    """`path` is the run's folder from the clone's root, `folder` the same on disk."""
    path: str
    folder: str
    overlay_entry: dict
    holds: List[dict]       # findings from the comparison with all other runs, as values
    synthetic: bool
    raw_base: Optional[str]
    now_s: float
    cache: str
    key: str
    contents: str
    states: str


@dataclass(frozen=True)
class CellJob:
    """`runs` are (run id, started_at, `catalogue_run` record or None, key) of its runs, newest first; `machine` is JSON."""
    cell_id: str
    runs: List[tuple]
    machine: str
    cache: str
    key: str


@dataclass(frozen=True)
class PooledCell:
    """`record` is the `cell` record without by_run as JSON, `data` its file, which has it whole."""
    job: CellJob
    record: str
    tables: database_rows.Tables
    data: File


@dataclass(frozen=True)
class PageJob:
    """`inputs.cell` is without by_run, which is read from the cell's data file."""
    cell_id: str
    inputs: page_inputs.CellPageInput
    cache: str
    key: str


def process(job: RunJob) -> Tuple[str, Optional[RunNote], tuple]:
    """(path, note or None, errors for which the run is rejected). Pages and contributions are written into the cache.

    A bug that one run brings to light rejects that run; the others are built.
    """
    try:
        return _process(job)
    except UserError:
        raise
    except Exception as problem:
        return job.path, None, (findings.row(run_check.crash(problem, job.path)),)


def _process(job: RunJob) -> Tuple[str, Optional[RunNote], tuple]:
    with files.explaining_errors(job.folder):
        processed = process_run.process(pathlib.Path(job.folder), job.path, job.overlay_entry, job.synthetic, job.now_s, job.raw_base,
                                        tuple(run_holds.findings(job.holds)))
    if processed.errors:
        if not os.path.isdir(job.folder):
            raise UserError("this run vanished while it was read", job.folder, "run this again; the old site is unchanged")
        return job.path, None, processed.errors
    cache, place, row = pathlib.Path(job.cache), tree_layout.place_of(job.path), processed.row
    lines = [json_text.dumps(contribution) for contribution in processed.contributions]
    files.write(build_cache.run_path(cache, job.key), "\n".join(lines).encode("ascii"))
    made = [build_cache.put_file(cache, path, data) for path, data in processed.pages]
    if row and job.raw_base is None:
        made += raw_files(job.folder, row["run_id"])
    machine, record = (value and json_text.dumps(value) for value in (processed.machine, row))
    note = RunNote(job.key, job.contents, job.states, processed.run_id, processed.started_at, place.device_tag, place.handle,
                   row and row["done"], machine, record, database_rows.of_run(row) if row else {}, made,
                   [contribution["cell_id"] for contribution in processed.contributions])
    return job.path, note, ()


def raw_files(folder: str, run_id: str) -> List[File]:
    """The five files of a run, which the site links where they are."""
    result = []
    for name, path in page_inputs.raw_of_run(run_id).items():
        source = os.path.join(folder, name)
        with files.explaining_errors(source):
            state = os.stat(source)
        result.append(File(path, state.st_size, state.st_mtime_ns, state.st_ino, source))
    return result


def pool(job: CellJob) -> PooledCell:
    cache, runs = pathlib.Path(job.cache), []
    beginning = f'{{"cell_id":{json_text.dumps(job.cell_id)},'.encode("ascii")       # of the contribution to this cell
    for run_id, started_at, row, key in job.runs:
        lines = build_cache.run_path(cache, key).read_bytes().split(b"\n")
        runs += [pooling.CellRun(run_id, started_at, row, json.loads(line)) for line in lines if line.startswith(beginning)]
    cell = pooling.cell(runs, json.loads(job.machine))
    data = build_cache.put_file(cache, cell["data"], json_text.dumps(cell).encode("ascii") + b"\n")
    for variant in cell["variants"]:
        del variant["by_run"]
    return PooledCell(job, json_text.dumps(cell), database_rows.of_cell(cell), data)


def render_cell(job: PageJob) -> Tuple[str, str, List[File]]:
    """(cell id, key of its pages, its pages)."""
    cache = pathlib.Path(job.cache)
    cell = json.loads((cache / "files" / job.inputs.cell["data"]).read_bytes())
    inputs = dataclasses.replace(job.inputs, cell=cell)
    return job.cell_id, job.key, [build_cache.put_file(cache, path, data) for path, data in pages.cell(inputs)]
