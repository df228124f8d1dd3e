"""Pages: the catalogue as a site of plain HTML. The same records (see publish/page_inputs.py) give the same bytes."""
from __future__ import annotations

import functools
import pathlib
from typing import Callable, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from publish import page_files, page_inputs
from publish.escape import Html
from publish.pages import compare_page, device_list, device_page, front_page, layout, methodology_page, model_list, model_page
from publish.pages.figure_columns import Row, grouped, rows_of
from publish.run_changes import digest

RUNS_OF_DEVICE = device_page.NEWEST + 1     # newest runs of each device that `site_pages` needs
Page = Tuple[str, bytes]                    # path within the site, contents
SECTION_END = b"</section>"


class ChangingPart(NamedTuple):
    """A section of a page that changes more often than the rest. It is replaced alone as long as it was and is there."""
    inputs: list
    id_: str
    render: Callable[[], Optional[Html]]

    def replaced(self, page: bytes) -> Optional[bytes]:
        """The page with the section anew; None where either has none."""
        begin = page.find(f'<section id="{self.id_}">'.encode("ascii"))
        end, section = page.find(SECTION_END, begin), self.render()
        return None if begin < 0 or section is None else page[:begin] + section.encode("utf-8") + page[end + len(SECTION_END):]


class SitePage(NamedTuple):
    """A page of the whole site. `inputs` are JSON: as long as they are the same, so is the page, but for its changing part."""
    path: str
    inputs: list
    render: Callable[[], Page]
    part: Optional[ChangingPart] = None


def site_pages(catalogue: dict, newest_runs: Iterable[dict], cell_keys: Mapping[str, str]) -> Iterator[SitePage]:
    """Front, devices, models, compare, methodology, style and script, to be rendered where needed.

    `newest_runs` has at least RUNS_OF_DEVICE runs of each device, newest first, and `cell_keys` a hash of each cell.
    """
    rows, synthetic = rows_of(catalogue), catalogue["synthetic"]
    by_tag, by_name = grouped(rows, lambda row: row.cell["device_tag"]), grouped(rows, lambda row: row.cell["model"])
    runs = device_page.newest(newest_runs)
    inputs = _Inputs(cell_keys, synthetic)
    every = [digest(catalogue["totals"], catalogue["devices"], catalogue["models"], inputs.of_rows(rows))]
    yield SitePage("index.html", [every, catalogue["runs"][:front_page.NEWEST]], lambda: front_page.page(catalogue, rows))
    yield SitePage("devices.html", every, lambda: device_list.page(catalogue, by_tag))
    yield SitePage("models.html", every, lambda: model_list.page(catalogue, by_name))
    yield SitePage("compare.html", every, lambda: compare_page.page(catalogue, rows))
    speeds = {name: inputs.speeds(of_model) for name, of_model in by_name.items()}
    for device in catalogue["devices"]:
        tag = device["device_tag"]
        own, newest, of_rows = by_tag.get(tag, []), runs.get(tag, []), inputs.of_rows(by_tag.get(tag, []))
        strips = ChangingPart([speeds[row.model["model"]] for row in own], device_page.STRIPS_ID,
                              functools.partial(device_page.strips, layout.root_of(device["page"]), own, by_name))
        yield SitePage(device["page"], [device, newest, of_rows], functools.partial(device_page.page, device, own, by_name, newest, synthetic), strips)
        yield SitePage(f"compare/{device['page']}", [device, of_rows], functools.partial(compare_page.of_device, device, own, synthetic))
    for model in catalogue["models"]:
        own = by_name[model["model"]]
        yield SitePage(model["page"], [model, inputs.of_rows(own)], functools.partial(model_page.page, model, own, synthetic))
        yield SitePage(f"compare/{model['page']}", [model, inputs.of_rows(own)],
                       functools.partial(compare_page.of_model, model, own, synthetic))
    yield SitePage("methodology.html", [synthetic], lambda: methodology_page.page(catalogue, page_files.methodology()))
    for path in sorted(page_files.ASSETS.iterdir()):
        yield SitePage(path.name, [], functools.partial(_asset, path))


class _Inputs(NamedTuple):
    """What pages depend on, briefly."""
    cell_keys: Mapping[str, str]
    synthetic: bool

    def of_rows(self, rows: List[Row]) -> list:
        """The cells of these rows, and what of their devices does not change with each run."""
        by_cell = {row.cell["cell_id"]: [self.cell_keys.get(row.cell["cell_id"]), page_inputs.without_changing(row.device)] for row in rows}
        return [self.synthetic, sorted(by_cell.items())]

    def speeds(self, rows: List[Row]) -> str:
        """A hash of what a strip chart of one model shows."""
        return digest(*([row.cell["cell_id"], row.variant["digest"], row.variant["headline"]["decode_tok_s"]] for row in rows))


def _asset(path: pathlib.Path) -> Page:
    return path.name, path.read_bytes()
