"""Lists: what several kinds of pages have: names, tables of cells and of runs, and strips in which one stands among all."""
from __future__ import annotations

import re
from typing import Iterable, List, Optional

from publish import number_format, page_inputs
from publish.charts import strip
from publish.charts.axes import Interval
from publish.charts.scale import Scale
from publish.escape import Html, text
from publish.markup import tag
from publish.pages import figure_text, layout, ranking, tables
from publish.pages.figure_columns import BY_ID, Column, Row
from publish.pages.tables import Cell, Head, interval, number, table

BREAKS = re.compile(r"([/:])(?=.)")      # where a model's name may go on in the next line; no entity holds one


def name(words: str) -> Html:
    """A name that a stranger gave: set apart from what stands around it, whatever its direction."""
    return tag("bdi", Html(BREAKS.sub(r"\1<wbr>", text(words))), class_="name")


def link(root: str, where: str, words: str) -> Html:
    return tag("a", name(words), href=root + where)


def soft(*words: object) -> Html:
    return tag("span", *words, class_="soft")


# ----- choices

def pick(root: str, choice: ranking.Choice, says_where: bool = False) -> Html:
    """One of the best, with what it is the best by."""
    if choice.row is None:
        return tag("div", tag("dt", choice.rule), tag("dd", tag("span", "nothing measured so far", class_="none")))
    row = choice.row
    where = [" on ", tag("bdi", row.device["device_tag"])] if says_where else None
    told = tag("span", _answers(row), _decode(row), where, class_="soft told")
    return tag("div", tag("dt", choice.rule), tag("dd", link(root, row.page, row.name_of_model), told))


def _answers(row: Row) -> Optional[list]:
    found = BY_ID["answers"].find(row)
    if found is None:
        return None
    return [tag("b", number_format.percent(found.value)),
            f" right ({number_format.between(found.low, found.high, number_format.percent)}, {found.n})", tag("br")]


def _decode(row: Row) -> Optional[list]:
    found = BY_ID["decode"].find(row)
    return found and [tag("b", number_format.figure(found.value)), " tok/s, ", figure_text.runs(found.runs)]


# ----- cells

def cells(root: str, rows: List[Row], columns: Iterable[Column], first: str, caption: str, live: str,
          find: str = "") -> Html:
    """Rows of cells, fastest first; `first` is model or device, whichever the rows differ in. Decode is drawn as well."""
    columns = list(columns)
    speeds = [BY_ID["decode"].find(row) for row in rows]
    scale = strip.shared([found for found in speeds if found])
    heads = tables.words(first.capitalize())
    for column in columns:
        heads += [Head(column.title, "n", column.first, says=column.says)] + ([drawn(scale)]
            if column.id == "decode" else [])
    lines = (_cell_row(root, row, columns, first, scale) for row in fastest_first(rows))
    return table(caption, heads + WORK, lines, live, find)


def drawn(scale: Optional[Scale]) -> Head:
    """The head of a column of sparks: their scale."""
    return Head(strip.ruler(scale), "spark-head", is_plain=True)


def spark(scale: Optional[Scale], found: Optional[Interval], at: Optional[float] = None) -> Cell:
    return Cell(found and strip.spark(scale, found, "lone" if found.is_lone else "ours", at))


WORK = tables.counts("Runs") + [Head("Failed", "n", "down", says="measured calls that came to no end, of all")]


def work(variant: dict) -> List[Cell]:
    """How many runs, and how many of their calls failed."""
    failed = failures(variant)
    runs_told = tag("span", variant["runs"], class_="lone" if variant["runs"] == 1 else None)
    return [number(variant["runs"], runs_told), number(failed, f"{failed:,} of {variant['calls']:,}")]


def failures(done: dict) -> int:
    """Measured calls that have no figures."""
    return sum(count for outcome, count in done["outcomes"].items() if outcome not in ("ok", "length"))


def fastest_first(rows: Iterable[Row]) -> List[Row]:
    def key(row: Row) -> tuple:
        found = BY_ID["decode"].find(row)
        return found is None, -(found.value if found else 0), row.cell["cell_id"], row.variant["digest"]
    return sorted(rows, key=key)


def _cell_row(root: str, row: Row, columns: List[Column], first: str, scale: Optional[Scale]) -> List[Cell]:
    found = [_name_of(root, row, first)]
    for column in columns:
        figure = column.find(row)
        found.append(interval(figure, column.show))
        if column.id == "decode":
            found.append(spark(scale, figure))
    return found + work(row.variant)


def _name_of(root: str, row: Row, first: str) -> Cell:
    if first == "model":
        size = number_format.gigabytes(row.variant["size_bytes"])
        words, below = row.name_of_model, f"{row.variant['quantization'] or ''} {size}".strip()
    else:
        words, below = row.name_of_device, row.device["label"] or ""
    return Cell([link(root, row.page, words), tag("small", name(below))], words)


# ----- runs

def runs(root: str, found: Iterable[dict], caption: str, with_device: bool = True) -> Html:
    """Runs, as they are given: newest first."""
    heads = tables.words("Run", *(["Device"] if with_device else []), "Models and decode tok/s", "Grade", "Verdict")
    heads += tables.counts("Calls", "Failed") + tables.words("By")
    return table(caption, heads, (_run_row(root, run, with_device) for run in found), class_="runs")


def run_link(root: str, run: dict, *below: object) -> Cell:
    """A run, by its day and the beginning of its id."""
    words = tag("a", figure_text.day(run["started_at"]), soft(f" run {run['run_id'][:8]}"), href=root + run["page"])
    return Cell([words, *below], run["started_at"])


def standing_of(run: dict) -> List[Cell]:
    """Grade and verdict."""
    return [tables.text(figure_text.grade(run["site_grade"]), run["site_grade"]),
            tables.text(figure_text.verdict(run["verdict"]), run["verdict"] or "")]


def _run_row(root: str, run: dict, with_device: bool) -> List[Cell]:
    device = [Cell(link(root, page_inputs.page_of_device(run["device_tag"]), run["device_tag"]))] if with_device else []
    models = tag("ul", (_run_model(one) for one in run["models"]), class_="plain")
    return [run_link(root, run), *device, Cell(models), *standing_of(run), number(run["done"]), number(failures(run)),
            Cell(name(run["handle"]))]


def _run_model(one: dict) -> Html:
    decode = one["decode_tok_s"]
    return tag("li", name(one["model"]), " ", soft(number_format.figure(decode["median"]) if decode else number_format.NONE))


# ----- strips

def standing(rows: List[Row], ours: Optional[Row]) -> List[strip.Standing]:
    """Decode of one model on each device: its newest digest there, but ours where that is given."""
    found = []
    for row in rows:
        is_there = row is ours if ours and row.cell is ours.cell else row.variant is row.cell["variants"][0]
        speed = BY_ID["decode"].find(row) if is_there else None
        if speed is not None:
            found.append(strip.Standing(row.cell["device_tag"], speed, row is ours))
    return found


def strip_of(rows: List[Row], ours: Optional[Row], title: object, words: str) -> Optional[Html]:
    """The strip of one model over all devices; None where fewer than two have a figure."""
    found = standing(rows, ours)
    if len(found) < 2 or (ours is not None and not any(one.is_ours for one in found)):
        return None
    return layout.figure(strip.chart(found, words, "tok/s"), title, _place(found) if ours else None)


def _place(found: List[strip.Standing]) -> Html:
    lone = sum(one.found.is_lone for one in found)
    return layout.note(f"Faster than {strip.slower(found)} of {number_format.counted(len(found) - 1, 'other device')}",
                       f"; {lone} of the {len(found)} figures come from one run alone." if lone else ".")


def meaning(columns: Iterable[Column]) -> Html:
    """What the columns mean, for who cannot hover."""
    rows = [tag("div", tag("dt", column.title), tag("dd", column.says)) for column in columns]
    more = ("Below each figure stand its quartiles and its n: over runs where there are three or more, else over calls. "
            "Shares have their 95 % interval. A figure of one run is marked; how another run would differ is not known.")
    return layout.details("What the figures mean", tag("p", more), tag("dl", rows, class_="meaning"))
