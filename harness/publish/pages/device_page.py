"""A device: what it is, quality against speed of its models, how they compare, and where it stands among others."""
from __future__ import annotations

from typing import Dict, Iterable, List

from publish import number_format
from publish.charts import pareto
from publish.escape import Html
from publish.markup import tag
from publish.pages import curve_sections, layout, lists, ranking
from publish.pages.figure_columns import BY_ID, MAIN, Row

NEWEST = 10
KINDS = {"accelerator": "the accelerators' own", "unified": "unified with main memory",
         "main": "main memory: no accelerator with memory of its own"}
LEGEND = ("Up and to the right is better. Models on the line (circles) are beaten by none in both at once; diamonds are. "
          "Bars are the middle half of the speeds and the 95 % interval of the right answers; a dotted outline means one run "
          "alone.")
STRIPS = ("Decode in tokens a second of the same model on every device; the diamond is this one, the shaded part holds the "
          "middle half.")


def newest(runs: Iterable[dict]) -> Dict[str, List[dict]]:
    """Of each device's runs, which come newest first, those that its page shows and one more, which says that there are more."""
    found: dict = {}
    for run in runs:
        here = found.setdefault(run["device_tag"], [])
        if len(here) <= NEWEST:
            here.append(run)
    return found


def page(device: dict, rows: List[Row], by_model: Dict[str, List[Row]], runs: List[dict], synthetic: bool) -> tuple:
    path, root = device["page"], layout.root_of(device["page"])
    lead = [f"{number_format.counted(device['runs'], 'run')} by {number_format.counted(device['handles'], 'person', 'people')} on ",
            tag("code", device["device_tag"]), "."]
    named = [(lists.link(root, row.page, row.name_of_model), row.variant) for row in lists.fastest_first(rows)]
    return layout.page(
        path, device["device_tag"], (("devices.html", "Devices"),), synthetic,
        tag("h1", lists.name(device["label"] or device["device_tag"])), tag("p", lead, class_="lead"), _facts(device),
        _front_line(root, rows), _models(root, device, rows), curve_sections.sections(named), _stands(root, rows, by_model),
        _newest(root, runs))


def _facts(device: dict) -> Html:
    bandwidth, kind = device["bandwidth_gb_s"], device["model_memory_kind"]
    found = [f"{number_format.figure(bandwidth)} GB/s, by the table of chips: ", tag("code", device["bandwidth_of"])]
    withheld = f"{number_format.counted(device['withheld'], 'run')} not shown, counted in the figures"
    return layout.facts((
        ("Processor", device["cpu"] and lists.name(device["cpu"])),
        ("Accelerators", [part for one in device["accelerators"] for part in (lists.name(one), tag("br"))] or None),
        ("Main memory", device["memory_bytes"] and number_format.gigabytes(device["memory_bytes"])),
        ("Models live in", kind and f"{number_format.gigabytes(device['model_memory_bytes'])}, {KINDS[kind]}"),
        ("Bandwidth of it", found if bandwidth else "not known: the chip is in no table"),
        ("System", device["system"] and lists.name(device["system"])),
        ("Withheld", withheld if device["withheld"] else None)))


def _front_line(root: str, rows: List[Row]) -> Html | None:
    points = [pareto.Point(row.name_of_model, BY_ID["decode"].find(row), BY_ID["answers"].find(row)) for row in rows
              if BY_ID["decode"].find(row) and BY_ID["answers"].find(row)]
    if not points:
        return None
    title = "Right answers against decode speed"
    chart = layout.figure(pareto.chart(points, title, "decode, tok/s", "answers right"), title, layout.note(LEGEND))
    picks = tag("dl", (lists.pick(root, choice) for choice in ranking.choices(rows)), class_="picks")
    return layout.section("Which model to run here", tag("div", chart, picks, class_="beside"), id_="best")


def _models(root: str, device: dict, rows: List[Row]) -> Html:
    found = lists.cells(root, rows, MAIN, "model", "Models on this device, fastest first", "models")
    more = tag("p", tag("a", "Compare them figure by figure", href=f"{root}compare/{device['page']}"))
    return layout.section("Every model that was measured here", found, lists.meaning(MAIN), more, id_="models")


def _stands(root: str, rows: List[Row], by_model: Dict[str, List[Row]]) -> Html | None:
    strips = [lists.strip_of(by_model[row.model["model"]], row, lists.link(root, row.page, row.name_of_model),
                             f"Decode of {row.model['model']} on every device, this one pointed out")
              for row in lists.fastest_first(rows)]
    if not any(strips):
        return None
    return layout.section("Where does this machine stand?", layout.note(STRIPS), tag("div", strips, class_="charts"),
                          id_="stand")


def _newest(root: str, runs: List[dict]) -> Html:
    more = layout.note("All runs stand with their cells.") if len(runs) > NEWEST else None
    found = lists.runs(root, runs[:NEWEST], "Newest runs on this device", with_device=False)
    return layout.section("Newest runs", found, more, id_="runs")
