"""Pages: the catalogue as a site of plain HTML. The same records (see publish/page_inputs.py) give the same bytes."""
from __future__ import annotations

import pathlib
from typing import Iterable, Iterator, Optional, Tuple

from publish import page_inputs
from publish.pages import cell_page
from publish.pages import compare_page, device_list, device_page, front_page, methodology_page, model_list, model_page
from publish.pages import run_page
from publish.pages.figure_columns import grouped, rows_of

ASSETS = pathlib.Path(__file__).resolve().parent.parent / "assets"


RUNS_OF_DEVICE = device_page.NEWEST + 1     # newest runs of each device that `site` needs


def site(catalogue: dict, newest_runs: Optional[Iterable[dict]] = None) -> Iterator[Tuple[str, bytes]]:
    """Front, devices, models, compare, methodology, style and script.

    `newest_runs` has at least RUNS_OF_DEVICE runs of each device, newest first; None: all runs are looked through.
    """
    rows = rows_of(catalogue)
    by_tag, by_name = grouped(rows, lambda row: row.cell["device_tag"]), grouped(rows, lambda row: row.cell["model"])
    runs = device_page.newest(catalogue["runs"] if newest_runs is None else newest_runs)
    yield front_page.page(catalogue, rows)
    yield device_list.page(catalogue, by_tag)
    yield model_list.page(catalogue, by_name)
    for device in catalogue["devices"]:
        tag = device["device_tag"]
        yield device_page.page(device, by_tag.get(tag, []), by_name, runs.get(tag, []), catalogue["synthetic"])
    for model in catalogue["models"]:
        yield model_page.page(model, by_name[model["model"]], catalogue["synthetic"])
    yield from compare_page.pages(catalogue, rows, by_tag, by_name)
    yield methodology_page.page(catalogue, methodology_page.source())
    for path in sorted(ASSETS.iterdir()):
        yield path.name, path.read_bytes()


def cell(inputs: page_inputs.CellPageInput) -> Iterator[Tuple[str, bytes]]:
    yield cell_page.page(inputs)


def run(inputs: page_inputs.RunPageInput) -> Iterator[Tuple[str, bytes]]:
    yield run_page.page(inputs)
