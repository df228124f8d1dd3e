"""Page update: pool the cells, and rebuild the pages and data files whose inputs have changed."""
from __future__ import annotations

import json
from typing import Dict, Iterator, Optional

from base import json_text
from publish import build_jobs, catalogue, data_files, page_inputs, pages
from publish.build_cache import BuildCache
from publish.build_options import BuildOptions, BuildReport
from publish.cache_files import put_file
from publish.process_pool import RunAll
from publish.run_changes import digest


def update(options: BuildOptions, kept: BuildCache, report: BuildReport, run_all: RunAll) -> None:
    devices = kept.device_runs()
    report.withheld = sum(device.withheld for device in devices)
    report.cells_made = _pool_cells(options, kept, {device.device_tag: json_text.dumps(device.machine) for device in devices if device.shown}, run_all)
    records = kept.cell_records()
    report.cells = len(records)
    document = catalogue.document(kept.records, list(map(json.loads, records)), devices, options.synthetic)
    with data_files.updated(kept, document, records):
        _cell_pages(options, kept, document, run_all)
        _site_pages(options, kept, document)


def _pool_cells(options: BuildOptions, kept: BuildCache, machines: Dict[str, str], run_all: RunAll) -> int:
    """Pool the cells whose runs have changed; how many they are. `machines` has the facts of each device as JSON."""
    to_do = []
    for cell_id, device_tag, key, machine in kept.cells():
        if not key or machine != machines.get(device_tag):
            if kept.is_cell_shown(cell_id):
                to_do.append((cell_id, machines[device_tag]))
            else:
                kept.remove_cell(cell_id)
    jobs = (build_jobs.CellJob(cell_id, keys, machine, str(options.cache), digest(keys, machine))
            for cell_id, machine in to_do for keys in [kept.run_keys_of(cell_id)])
    for note in run_all(build_jobs.pool, jobs):
        kept.put_cell(note)
    return len(to_do)


def _cell_pages(options: BuildOptions, kept: BuildCache, document: dict, run_all: RunAll) -> None:
    for cell_id, key, made in run_all(build_jobs.render_cell, _cell_page_jobs(options, kept, document)):
        kept.put_cell_pages(cell_id, key, made)


def _cell_page_jobs(options: BuildOptions, kept: BuildCache, document: dict) -> Iterator[build_jobs.PageJob]:
    devices = {device["device_tag"]: device for device in document["devices"]}
    models = {model["model"]: model for model in document["models"]}
    keys = kept.cell_keys()
    for cell in document["cells"]:
        cell_key, pages_key = keys[cell["cell_id"]]
        inputs = page_inputs.cell_page_input(cell, devices[cell["device_tag"]], models[cell["model"]], [], document["synthetic"])
        key = digest(cell_key, inputs.device, inputs.model, inputs.synthetic)
        if pages_key != key:
            yield build_jobs.PageJob(inputs, kept.shown_runs_of(cell["cell_id"]), str(options.cache), key)


def _site_pages(options: BuildOptions, kept: BuildCache, document: dict) -> None:
    """The pages that are not of a single run or cell."""
    known, paths = kept.page_keys(), set()
    newest = kept.records.newest_by_device(pages.RUNS_OF_DEVICE)
    cell_keys = {cell_id: key for cell_id, (key, _) in kept.cell_keys().items()}
    for page in pages.site_pages(document, newest, cell_keys):
        key = f"{digest(page.inputs)} {digest(page.part.inputs if page.part else None)}"
        paths.add(page.path)
        if known.get(page.path) != key:
            data = _with_part_anew(options, page) if page.part and known.get(page.path, "").split(" ")[0] == key.split(" ")[0] else None
            kept.put_page(key, put_file(options.cache, page.path, data or page.render()[1]))
    for path in known.keys() - paths:
        kept.remove_page(path)


def _with_part_anew(options: BuildOptions, page: pages.SitePage) -> Optional[bytes]:
    """The page as it is in the cache, with its changing part anew. Its key says that nobody has changed it."""
    return page.part.replaced((options.cache / "files" / page.path).read_bytes()) if page.part else None
