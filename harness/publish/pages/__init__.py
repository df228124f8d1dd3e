"""Pages: the catalogue as a site of plain HTML. The same records give the same bytes; publish/views.py says what is told."""
from __future__ import annotations

import pathlib
from typing import Iterator, Tuple

from publish.pages import cell as cell_page
from publish.pages import compare, device, devices, front, methodology, model, models
from publish.pages import run as run_page
from publish.pages.columns import grouped, rows_of

ASSETS = pathlib.Path(__file__).resolve().parent.parent / "assets"


def site(catalogue: dict) -> Iterator[Tuple[str, bytes]]:
    """Front, devices, models, compare, methodology, style and script."""
    rows = rows_of(catalogue)
    by_tag, by_name = grouped(rows, lambda row: row.cell["device_tag"]), grouped(rows, lambda row: row.cell["model"])
    runs = device.newest(catalogue["runs"])
    yield front.page(catalogue, rows)
    yield devices.page(catalogue, by_tag)
    yield models.page(catalogue, by_name)
    for one in catalogue["devices"]:
        yield device.page(one, by_tag.get(one["device_tag"], []), by_name, runs.get(one["device_tag"], []),
                          catalogue["synthetic"])
    for one in catalogue["models"]:
        yield model.page(one, by_name[one["model"]], catalogue["synthetic"])
    yield from compare.pages(catalogue, rows, by_tag, by_name)
    yield methodology.page(catalogue, methodology.source())
    for path in sorted(ASSETS.iterdir()):
        yield path.name, path.read_bytes()


def cell(view: dict) -> Iterator[Tuple[str, bytes]]:
    """All pages of one cell."""
    yield cell_page.page(view)


def run(view: dict) -> Iterator[Tuple[str, bytes]]:
    """All pages of one run."""
    yield run_page.page(view)
