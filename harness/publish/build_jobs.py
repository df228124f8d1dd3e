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
from judge import findings, run_check
from publish import build_cache, cell_sketch, database_rows, page_inputs, pool_file, pooling, process_run, run_contribution, run_holds
from publish.build_cache import CellNote, RunNote
from publish.cache_files import File, put_file
from publish.pages import cell_page


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
    """`runs` are the keys of its runs, `machine` is JSON."""
    cell_id: str
    runs: List[str]
    machine: str
    cache: str
    key: str


@dataclass(frozen=True)
class PageJob:
    """`runs` are (`catalogue_run` record, sketch) of the shown runs as JSON, newest first; `inputs` is without them."""
    inputs: page_inputs.CellPageInput
    runs: List[Tuple[str, str]]
    cache: str
    key: str


def process(job: RunJob) -> Tuple[str, Optional[RunNote], tuple]:
    """(path, note or None, errors for which the run is rejected). Pages and contributions are written into the cache.

    A bug that one run triggers rejects that run; the others are built.
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
    if isinstance(processed, process_run.RejectedRun):
        if not os.path.isdir(job.folder):
            raise UserError("this run vanished while it was read", job.folder, "run this again; the old site is unchanged")
        return job.path, None, processed.errors
    cache, row = pathlib.Path(job.cache), processed.row
    run_contribution.write(build_cache.run_path(cache, job.key), processed.run_id, processed.started_at, row, processed.contributions)
    made = [put_file(cache, *processed.page)] if processed.page else []
    if row and job.raw_base is None:
        made += raw_files(job.folder, processed.run_id)
    cells = [(contribution["cell_id"], json_text.dumps(cell_sketch.of_run(processed.run_id, contribution)) if row else None)
             for contribution in processed.contributions]
    note = RunNote(job.key, job.contents, job.states, processed.run_id, processed.started_at, processed.place.device_tag,
                   processed.place.handle, row["done"] if row else None, json_text.dumps(processed.machine) if row else None,
                   json_text.dumps(row) if row else None, database_rows.of_run(row) if row else {}, made, cells)
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


def pool(job: CellJob) -> CellNote:
    """Pool the runs of a cell: those that are new are added to the last build's pool, if it has no others."""
    cache = pathlib.Path(job.cache)
    path = build_cache.pool_path(cache, job.cell_id)
    kept = pool_file.read(path)
    cell_pool = kept if kept is not None and set(kept.keys) <= set(job.runs) else pooling.CellPool()
    known = set(cell_pool.keys)
    for key in job.runs:
        if key not in known:
            cell_pool.add(key, run_contribution.read(build_cache.run_path(cache, key), job.cell_id))
    cell = cell_pool.record(json.loads(job.machine))
    assert cell is not None, job.cell_id        # only cells with a shown run are pooled
    pool_file.write(path, cell_pool)
    data = put_file(cache, page_inputs.data_of_cell(job.cell_id), cell.data())
    return CellNote(job.cell_id, job.key, job.machine, json_text.dumps(cell.record), database_rows.of_cell(cell.record), data)


def render_cell(job: PageJob) -> Tuple[str, str, List[File]]:
    """(cell id, key of its pages, its pages)."""
    cache, cell = pathlib.Path(job.cache), job.inputs.cell
    sketches = [json.loads(sketch) for _, sketch in job.runs]
    variants = [{**variant, "by_run": [sketch for sketch in sketches if sketch["digest"] == variant["digest"]]} for variant in cell["variants"]]
    inputs = dataclasses.replace(job.inputs, cell={**cell, "variants": variants}, runs=[json.loads(record) for record, _ in job.runs])
    return cell["cell_id"], job.key, [put_file(cache, *cell_page.page(inputs))]
