"""Parts that several pages share: names, tables of cells and of runs, and strips that show one device among all."""
from __future__ import annotations

import re
from typing import Iterable, List, Optional

from base.records import GRADES
from derive import headline
from publish import draft, grades, number_format, page_inputs
from publish.charts import strip
from publish.charts.axes import Interval
from publish.charts.scale import Scale
from publish.escape import Html, text
from publish.markup import Child, tag
from publish.pages import figure_text, layout, ranking, tables
from publish.pages.figure_columns import BY_ID, Column, Row, used
from publish.pages.tables import Head, TableCell, interval, number, table

BREAKS = re.compile(r"([/:])(?=.)")      # where a model's name may break; no HTML entity contains these


def name(words: str) -> Html:
    """An untrusted name, isolated from the text direction around it."""
    return tag("bdi", Html(BREAKS.sub(r"\1<wbr>", text(words))), class_="name")


def link(root: str, where: str, words: str) -> Html:
    return tag("a", name(words), href=root + where)


def raw_href(root: str, where: str) -> str:
    """The address of a raw file, which is a path of the site or a URL."""
    return where if where.startswith("https://") else root + where


def muted(*words: Child) -> Html:
    return tag("span", *words, class_="soft")


# ----- choices

def pick(root: str, choice: ranking.BestRow) -> Html:
    """A recommended model, with the rule by which it was chosen."""
    return tag("div", tag("dt", choice.rule), tag("dd", picked(root, choice.row)))


def picked(root: str, row: Optional[Row], with_device: bool = False) -> list:
    """A recommended model with its figures."""
    if row is None:
        return [tag("span", "none yet", class_="none")]
    where = [" on ", tag("bdi", row.device["device_tag"])] if with_device else None
    return [link(root, row.page, row.name_of_model), tag("span", _answers(row), _decode(row), archived(row), where, class_="soft figures")]


def _answers(row: Row) -> Optional[list]:
    answers = BY_ID["answers"].find(row)
    if answers is None:
        return None
    return [tag("b", number_format.percent(answers.value)),
            f" right ({number_format.between(answers.low, answers.high, number_format.percent)}, {answers.n})", tag("br")]


def _decode(row: Row) -> Optional[list]:
    decode = BY_ID["decode"].find(row)
    return None if decode is None else [tag("b", number_format.figure(decode.value)), " tok/s, ", figure_text.run_count(decode.runs)]


def archived(row: Row) -> Optional[Html]:
    """What is added to the figures of runs that are not to be compared with others."""
    return tag("span", ", ", _caveat(row)) if row.caveat else None


def _caveat(row: Row) -> Html:
    return tag("span", row.caveat, class_="lone", title=GRADES[grades.ARCHIVE_ONLY])


# ----- cells

def cells(root: str, rows: List[Row], columns: Iterable[Column], first: str, caption: str, live: str,
          find: str = "") -> Html:
    """A table of cells, fastest first; `first` is model or device, whichever the rows differ in. Decode is also drawn."""
    columns = used(columns, rows)
    speeds = [BY_ID["decode"].find(row) for row in rows]
    scale = strip.shared([speed for speed in speeds if speed])
    heads = tables.words(first.capitalize())
    for column in columns:
        heads += [Head(column.title, "n", column.first, tooltip=column.description)] + ([drawn(scale)]
            if column.id == "decode" else [])
    lines = (_cell_row(root, row, columns, first, scale) for row in fastest_first(rows))
    return table(caption, heads + WORK_HEADS, lines, live, find)


def drawn(scale: Optional[Scale]) -> Head:
    """The head of a sparkline column: its scale."""
    return Head(strip.ruler(scale), "spark-head", is_plain=True)


def spark(scale: Optional[Scale], interval: Optional[Interval], at: Optional[float] = None) -> TableCell:
    if scale is None or interval is None:
        return TableCell(None)
    return TableCell(strip.spark(scale, interval, "lone" if interval.is_lone else "ours", at))


FAILED_HEAD = Head("Failed", "n", "down", tooltip="measured calls that failed, of all")
WORK_HEADS = [*tables.counts("Runs"), FAILED_HEAD]


def work_cells(row: Row) -> List[TableCell]:
    variant = row.variant
    run_count = [tag("span", variant["runs"], class_="lone" if variant["runs"] == 1 else None),
                 tag("small", _caveat(row)) if row.caveat else None]
    return [number(variant["runs"], run_count), failed_cell(headline.failed(variant), variant["calls"])]


def failed_cell(failed: int, calls: int) -> TableCell:
    return number(failed, f"{failed:,} of {calls:,}")


def fastest_first(rows: Iterable[Row]) -> List[Row]:
    def key(row: Row) -> tuple:
        decode = BY_ID["decode"].find(row)
        return decode is None, -(decode.value if decode else 0), row.cell["cell_id"], row.variant["digest"]
    return sorted(rows, key=key)


def _cell_row(root: str, row: Row, columns: List[Column], first: str, scale: Optional[Scale]) -> List[TableCell]:
    cells = [_name_of(root, row, first)]
    for column in columns:
        figure = column.find(row)
        cells.append(interval(figure, column.show))
        if column.id == "decode":
            cells.append(spark(scale, figure))
    return cells + work_cells(row)


def _name_of(root: str, row: Row, first: str) -> TableCell:
    if first == "model":
        size = number_format.gigabytes(row.variant["size_bytes"])
        words, below = row.name_of_model, f"{row.variant['quantization'] or ''} {size}".strip()
    else:
        words, below = row.name_of_device, row.device["label"] or ""
    return TableCell([link(root, row.page, words), tag("small", name(below))], words)


# ----- runs

def runs(root: str, rows: Iterable[dict], caption: str, with_device: bool = True) -> Html:
    """A table of runs, which are given newest first."""
    heads = tables.words("Run", *(["Device"] if with_device else []), "Models and decode tok/s", "Grade", "Verdict")
    heads += tables.counts("Calls", "Failed") + tables.words("Contributor")
    return table(caption, heads, (_run_row(root, run, with_device) for run in rows), class_="runs")


def run_link(root: str, run: dict, *below: Child) -> TableCell:
    """A link to a run: its day and the beginning of its id."""
    words = tag("a", figure_text.day(run["started_at"]), muted(f" run {run['run_id'][:8]}"),
                tag("b", " draft") if draft.is_draft(run) else None, href=root + run["page"])
    return TableCell([words, *below], run["started_at"])


def grade_and_verdict(run: dict) -> List[TableCell]:
    return [TableCell(figure_text.grade(run["site_grade"]), run["site_grade"]),
            TableCell(figure_text.verdict(run["verdict"]), run["verdict"] or "")]


def _run_row(root: str, run: dict, with_device: bool) -> List[TableCell]:
    device = [TableCell(link(root, page_inputs.page_of_device(run["device_tag"]), run["device_tag"]))] if with_device else []
    models = tag("ul", (_run_model(model) for model in run["models"]), class_="plain")
    return [run_link(root, run), *device, TableCell(models), *grade_and_verdict(run), number(run["done"]), number(headline.failed(run)),
            TableCell(name(run["handle"]))]


def _run_model(model: dict) -> Html:
    decode = model["decode_tok_s"]
    return tag("li", name(model["model"]), " ", muted(number_format.figure(decode["median"]) if decode else number_format.NONE))


# ----- strips

def device_points(rows: List[Row], ours: Optional[Row]) -> List[strip.DevicePoint]:
    """Decode of one model on each device: of its newest digest there, and of `ours` where that is given."""
    points = []
    for row in rows:
        is_there = row is ours if ours and row.cell is ours.cell else row.variant is row.cell["variants"][0]
        speed = BY_ID["decode"].find(row) if is_there else None
        if speed is not None:
            points.append(strip.DevicePoint(row.cell["device_tag"], speed, row is ours))
    return points


def strip_of(rows: List[Row], ours: Optional[Row], title: Child, words: str) -> Optional[Html]:
    """The strip chart of one model over all devices; None if fewer than two have a figure."""
    points = device_points(rows, ours)
    if len(points) < 2 or (ours is not None and not any(point.is_ours for point in points)):
        return None
    return layout.figure(strip.chart(points, words, "tok/s"), title, _place(points) if ours else None)


def _place(points: List[strip.DevicePoint]) -> Html:
    lone = sum(point.interval.is_lone for point in points)
    return layout.note(f"Faster than {strip.slower(points)} of {number_format.counted(len(points) - 1, 'other device')}",
                       f"; {lone} of the {len(points)} figures come from a single run." if lone else ".")


def column_meanings(columns: Iterable[Column]) -> Html:
    """The meaning of the columns, for readers who cannot hover."""
    rows = [tag("div", tag("dt", column.title), tag("dd", column.description)) for column in columns]
    more = ("Below each figure are its quartiles and its n: over runs if there are three or more, else over calls. "
            "Shares have their 95 % interval. A figure of a single run is marked, since its spread over runs is unknown.")
    return layout.details("What the figures mean", tag("p", more), tag("dl", rows, class_="meaning"))
