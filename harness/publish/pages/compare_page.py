"""Compare pages: one for each device and each model, figure by figure; and one of all cells, to pick from.

Picking rows needs no script: the style sheet hides rows that are not ticked.
"""
from __future__ import annotations

from typing import List, Optional

from publish import number_format
from publish.charts import strip
from publish.escape import Html
from publish.markup import tag
from publish.pages import cell_finder, figure_text, layout, lists
from publish.pages.figure_columns import BY_ID, COLUMNS, Column, Row
from publish.pages.tables import Head, TableCell, interval, table

PICKED = tuple(BY_ID[name] for name in ("decode", "ttft", "prefill", "answers", "code", "recall", "most", "cost", "bound",
                                        "drift", "memory"))
HEADS = [Head("Cell"), *(Head(column.title, "n", column.first, tooltip=column.description) for column in PICKED), *lists.WORK_HEADS,
         Head("Grades", is_plain=True)]
SPARK_WIDTH = 190
MAX_ROWS = 300          # of the table of all cells, with 2.5 kB each; with more cells it is left out
FIRST_RANKED, MAX_RANKED = 15, 50       # rows of one figure: shown at once, and in all
SIDE_BY_SIDE = ("Best first. Where two bars overlap, the figures do not show which is better. A figure of a single run is marked "
                "and not ranked; nor is one of archive-only runs.")
LEAD = ("Each device and each model has a page that compares its cells figure by figure, with the spread drawn. A cell is one model on one "
        "device.")
EVERY = "Every cell of the catalogue is a row of this table. Tick two or more, then show only those."
TOO_MANY = ("The catalogue has {:,} cells, too many for one table. Choose a device to compare the models on it, or a model to compare the "
            "devices that ran it. All figures of all cells are in the data files below.")


def of_device(device: dict, rows: List[Row], synthetic: bool) -> tuple:
    return _side_by_side(device["page"], device["device_tag"], device["label"] or device["device_tag"], rows, "model", synthetic)


def of_model(model: dict, rows: List[Row], synthetic: bool) -> tuple:
    return _side_by_side(model["page"], model["model"], model["model"], rows, "device", synthetic)


# ----- one device or one model

def _side_by_side(of: str, short: str, title: str, rows: List[Row], differ: str, synthetic: bool) -> tuple:
    """`of` is the page of the device or model; `differ` is model or device, whichever the rows differ in."""
    path = f"compare/{of}"
    blocks = [(column, block) for column in COLUMNS for block in [_block(layout.root_of(path), column, rows, differ)] if block]
    links = layout.contents(*((column.id, column.title) for column, _ in blocks))
    return layout.page(
        path, f"Compare {differ}s: {short}", (("compare.html", "Compare"), (of, short)), synthetic,
        tag("h1", f"{differ.capitalize()}s compared: ", lists.name(title)), tag("p", SIDE_BY_SIDE, class_="lead"),
        [links, tag("div", (block for _, block in blocks), class_="blocks")] if blocks else layout.note("Nothing has been measured yet."))


def _block(root: str, column: Column, rows: List[Row], differ: str) -> Optional[Html]:
    """One figure of all rows; those with more than one run that may be compared are ranked."""
    measured = [(figure, row) for row in rows for figure in [column.find(row)] if figure is not None]
    if not measured:
        return None
    sign = 1 if column.better == "low" else -1
    measured.sort(key=lambda pair: (sign * pair[0].value, pair[1].cell["cell_id"], pair[1].variant["digest"]))
    is_log = column.is_log and all(figure.low > 0 for figure, _ in measured)
    scale = strip.shared([figure for figure, _ in measured], is_log, SPARK_WIDTH, column.show)
    lines, rank = [], 0
    for figure, row in measured:
        is_ranked = row.is_comparable and not figure.is_lone
        rank += is_ranked
        place = tag("span", rank if is_ranked and column.better else number_format.NONE, class_="rank")
        words = row.name_of_model if differ == "model" else row.name_of_device
        lines.append([TableCell([place, " ", lists.link(root, row.page, words)]),
                      lists.spark(scale, figure, 1.0 if column.id == "drift" else None), interval(figure, column.show)])
    heads = [Head(differ.capitalize()), lists.drawn(scale), Head(column.title, "n")]
    first, more = lines[:FIRST_RANKED], lines[FIRST_RANKED:MAX_RANKED]
    caption = f"{column.title}, {differ} by {differ}"
    rest = layout.details(f"Show {len(more)} more", table(f"{caption}, continued", heads, more, class_="ranked")) if more else None
    cut = layout.note(f"The best {MAX_RANKED} of {len(lines)}; each cell's own page and the data files have the others.")
    return layout.section(column.title, layout.note(column.description), table(caption, heads, first, class_="ranked"), rest,
                          cut if len(lines) > MAX_RANKED else None, id_=column.id, class_="block")


# ----- all cells

def page(catalogue: dict, rows: List[Row]) -> tuple:
    body = [layout.note("There is nothing to compare yet.")]
    if rows:
        only = [tag("input", type="checkbox", id="only"), " ",
                tag("label", "Show only the rows that are ticked", for_="only")]
        body = [tag("p", EVERY), tag("p", only, class_="only"), _table(rows), lists.column_meanings(PICKED)] if len(rows) <= MAX_ROWS else [
            layout.note(TOO_MANY.format(len(catalogue["cells"])))]
    return layout.page("compare.html", "Compare", (), catalogue["synthetic"], tag("h1", "Compare"), tag("p", LEAD, class_="lead"),
                       cell_finder.render(catalogue, "compare/", "Models on one device", "Devices with one model"),
                       tag("div", body, class_="pick"), wide=True)


def _table(rows: List[Row]) -> Html:
    ordered = sorted(rows, key=lambda row: (row.cell["device_tag"], row.cell["model"], row.variant["digest"]))
    return table("All cells", HEADS, (_line(row) for row in ordered), "cells", "Find a device or a model")


def _line(row: Row) -> List[TableCell]:
    words = f"{row.name_of_model} on {row.cell['device_tag']}"
    tick = tag("input", type="checkbox", class_="tick", value=row.page.replace("cells/", "", 1),
               aria_label=f"compare {words}")
    below = tag("small", tag("bdi", row.cell["device_tag"]))
    return [TableCell([tick, " ", lists.link("", row.page, row.name_of_model), below], words),
            *(interval(column.find(row), column.show) for column in PICKED), *lists.work_cells(row),
            TableCell(figure_text.counts(row.variant["grades"]), None, "tight")]
