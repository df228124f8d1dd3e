"""A device page: its facts, quality against speed of its models, a table of them, and the device among others."""
from __future__ import annotations

import itertools
from typing import Dict, Iterable, List

from publish import number_format
from publish.charts import pareto
from publish.escape import Html
from publish.markup import tag
from publish.pages import context_section, curve_sections, layout, lists, ranking, thinking_section
from publish.pages.figure_columns import BY_ID, MAIN, Row

NEWEST = 10
MAX_STRIPS = 12         # models whose other devices are drawn
KINDS = {"accelerator": "of the accelerators alone", "unified": "unified: shared with main memory",
         "main": "main memory: no accelerator has memory of its own"}
LEGEND = ("Up and to the right is better. Circles are on the line: no model is both faster and more often right. For each diamond there is "
          "one that is. Bars are the quartiles of the speed and the 95 % interval of the right answers; a dotted "
          "outline marks a single run, or archive-only runs, which are on the line only where no others are. In a crowded chart, "
          "models below the line are plain dots.")
TIME_LEGEND = ("Up and to the left is better. The time is from the request to the end of a right answer to one of the five short questions. "
               "Nothing is both quicker and more often right than what is on the line.")
STRIPS_ID = "stand"
STRIPS = ("Decode in tokens per second of the same model on every device. The diamond is this device; the shaded band is the "
          "middle half of all devices.")


def newest(runs: Iterable[dict]) -> Dict[str, List[dict]]:
    """The newest runs of each device: those that its page shows, and one more if there are more."""
    by_device: dict = {}
    for run in runs:
        newest_runs = by_device.setdefault(run["device_tag"], [])
        if len(newest_runs) <= NEWEST:
            newest_runs.append(run)
    return by_device


def page(device: dict, rows: List[Row], by_model: Dict[str, List[Row]], runs: List[dict], synthetic: bool) -> tuple:
    path, root = device["page"], layout.root_of(device["page"])
    lead = [f"{number_format.counted(device['runs'], 'run')} by {number_format.counted(device['handles'], 'person', 'people')} on ",
            tag("code", device["device_tag"]), "."]
    named = [(lists.link(root, row.page, row.name_of_model), row.variant) for row in lists.fastest_first(rows)]
    sections = [_recommendations(root, rows), _models(root, device, rows), thinking_section.of_many(named),
                context_section.of_many([(row.name_of_model, row.variant) for row in lists.fastest_first(rows)]),
                *curve_sections.sections(named), strips(root, rows, by_model), _newest(root, runs)]
    return layout.page(
        path, device["device_tag"], (("devices.html", "Devices"),), synthetic,
        tag("h1", lists.name(device["label"] or device["device_tag"])), tag("p", lead, class_="lead"), _facts(device),
        layout.contents_of(sections), sections)


def _facts(device: dict) -> Html:
    bandwidth, kind = device["bandwidth_gb_s"], device["model_memory_kind"]
    bandwidth_text = [f"{number_format.figure(bandwidth)} GB/s, from the chip table: ", tag("code", device["bandwidth_of"])]
    withheld = f"{number_format.counted(device['withheld'], 'run')} not shown but counted in the figures"
    return layout.facts((
        ("Processor", device["cpu"] and lists.name(device["cpu"])),
        ("Accelerators", [part for accelerator in device["accelerators"] for part in (lists.name(accelerator), tag("br"))] or None),
        ("Main memory", device["memory_bytes"] and number_format.memory(device["memory_bytes"])),
        ("Memory for models", kind and f"{number_format.memory(device['model_memory_bytes'])}, {KINDS[kind]}"),
        ("Memory bandwidth", bandwidth_text if bandwidth else "unknown: the chip is not in the table"),
        ("System", device["system"] and lists.name(device["system"])),
        ("Withheld", withheld if device["withheld"] else None)))


def _recommendations(root: str, rows: List[Row]) -> Html | None:
    points = [pareto.Point(row.name_of_model, decode, answers, row.caveat) for row in rows
              for decode, answers in [(BY_ID["decode"].find(row), BY_ID["answers"].find(row))] if decode and answers]
    if not points:
        return None
    title = "Right answers against decode speed"
    chart = layout.figure(pareto.chart(points, title, "decode, tok/s", "answers right"), title, layout.note(LEGEND))
    picks = tag("dl", (lists.pick(root, choice) for choice in ranking.choices(rows)), class_="picks")
    return layout.section("Which model to run here", picks, tag("div", chart, _by_time(rows), class_="charts"), id_="best")


def _by_time(rows: List[Row]) -> Html | None:
    """Quality against the time that a right answer takes, plain and with thinking."""
    points = thinking_section.pareto_points(rows)
    if not points:
        return None
    title = "Right answers against the time to a right answer"
    return layout.figure(pareto.chart(points, title, "time to a right answer", "answers right", is_time=True), title, layout.note(TIME_LEGEND))


def _models(root: str, device: dict, rows: List[Row]) -> Html:
    cells_table = lists.cells(root, rows, MAIN, "model", "Models on this device, fastest first", "models", "Find a model")
    more = tag("p", tag("a", "Compare them figure by figure", href=f"{root}compare/{device['page']}"))
    return layout.section("Every model measured on this device", cells_table, lists.column_meanings(MAIN), more, id_="models")


def strips(root: str, rows: List[Row], by_model: Dict[str, List[Row]]) -> Html | None:
    """The section that shows the device among all others; there is no section within it."""
    drawn = (lists.strip_of(by_model[row.model["model"]], row, lists.link(root, row.page, row.name_of_model),
                            f"Decode of {row.model['model']} on every device, this one highlighted")
             for row in lists.fastest_first(rows))
    charts = list(itertools.islice(filter(None, drawn), MAX_STRIPS))
    if not charts:
        return None
    return layout.section("How does this device compare?", layout.note(STRIPS), tag("div", charts, class_="charts"), id_=STRIPS_ID)


def _newest(root: str, runs: List[dict]) -> Html:
    more = layout.note("All runs are listed on the pages of their cells.") if len(runs) > NEWEST else None
    runs_table = lists.runs(root, runs[:NEWEST], "Newest runs on this device", with_device=False)
    return layout.section("Newest runs", runs_table, more, id_="runs")
