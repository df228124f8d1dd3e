"""The front page: what this is, which model to run on which device, how devices compare, and the newest runs."""
from __future__ import annotations

from typing import Dict, List, Optional, Sequence

from publish import number_format, page_inputs
from publish.charts import strip
from publish.escape import Html
from publish.markup import tag
from publish.pages import cell_finder, layout, lists, ranking, tables
from publish.pages.figure_columns import Row, grouped
from publish.pages.tables import TableCell, number, table

STRIPS = 6          # models with a strip chart of all devices
NEWEST = 12
TAGS = 2            # devices named per class
RULES = (ranking.QUICK, "Most right answers, at any speed", "Fastest")       # of ranking.best_rows
COMMAND = "python harness/run_benchmark.py --phases frozen-prompts --repeats 1"


def page(catalogue: dict, rows: List[Row]) -> tuple:
    head = [tag("h1", "Which local model should this machine run?"), tag("p", _what(catalogue["totals"]), class_="lead")]
    body = [layout.note("No run is shown here yet: there is nothing to compare.")]
    if rows:
        body = [cell_finder.render(catalogue, "", "All devices", "All models"), layout.contents(("best", "Best model for each class of device"),
                                ("stand", "How does your machine compare?"),
                                ("newest", "Newest runs")),
                _classes(rows), _devices_compared(grouped(rows, lambda row: row.model["model"])), _newest(catalogue)]
    return layout.page("index.html", layout.NAME, (), catalogue["synthetic"], *head, *body)


def _what(totals: dict) -> list:
    counted = [number_format.counted(totals[name], noun, plural) for name, noun, plural in (
        ("runs", "run", "runs"), ("handles", "person", "people"), ("devices", "device", "devices"),
        ("models", "model", "models"), ("calls", "measured call", "measured calls"))]
    return ["{} by {} on {}: {}, {}. ".format(*counted) if totals["runs"] else None,
            "Speed and quality of local language models under Ollama, measured by "
            "one harness with the same prompts everywhere. Every figure links to the calls it was computed from; failures are "
            "counted, and no figure is a best-of. ", tag("a", "How it is measured", href="methodology.html"), "."]


# ----- best model for each class of device

def _classes(rows: List[Row]) -> Html:
    """A table for each kind of memory, with a row for each size."""
    rule = ("Classes are by the memory available to models, as it is sold. Quality is ranked by the lower end of its 95 % interval, so that "
            "few answers count less than many; speed by the median over runs. Archive-only runs, which are not to be compared, are "
            "named only where no other run qualifies, and are marked.")
    by_kind = grouped(sorted(rows, key=lambda row: ranking.class_of(row.device)), lambda row: ranking.kind_name(row.device))
    tables_of_kinds = [layout.section(kind[:1].upper() + kind[1:], _class_table(kind, of_kind), level=3) for kind, of_kind in by_kind.items()]
    return layout.section("Best model for each class of device", layout.note(rule), tables_of_kinds, id_="best")


def _class_table(kind: str, rows: List[Row]) -> Html:
    """A column for each rule by which a model is chosen, unless none is for any size."""
    by_size = grouped(rows, lambda row: ranking.size_name(row.device))
    best = {size: ranking.best_rows(of_size) for size, of_size in by_size.items()}
    rules = [n for n in range(len(RULES)) if any(choices[n] for choices in best.values())]
    heads = tables.words("Memory", *(RULES[n] for n in rules), "Measured on")
    lines = (_class_line(size, of_size, best[size], rules) for size, of_size in by_size.items())
    return table(f"Best models by size: {kind}", heads, lines, class_="cells picked")


def _class_line(size: str, rows: List[Row], best: Sequence[Optional[Row]], rules: List[int]) -> List[TableCell]:
    tags = list(dict.fromkeys(row.device["device_tag"] for row in rows))
    links = [part for device_tag in tags[:TAGS] for part in (lists.link("", page_inputs.page_of_device(device_tag), device_tag), tag("br"))]
    more = tag("small", f"and {len(tags) - TAGS} more") if len(tags) > TAGS else None
    picked = [TableCell(lists.muted("same model") if n == 1 and best[1] and best[1] is best[0] else
                        lists.picked("", best[n], with_device=len(tags) > 1)) for n in rules]
    return [TableCell(size), *picked, TableCell([links, more])]


# ----- devices compared

def _devices_compared(by_model: Dict[str, List[Row]]) -> Html:
    widest = sorted(by_model.values(), key=lambda rows: (-len(lists.device_points(rows, None)), rows[0].model["model"]))
    chosen = [rows for rows in widest[:STRIPS] if len(lists.device_points(rows, None)) > 1]
    strips = [lists.strip_of(rows, None, _link(rows), f"Decode of {rows[0].model['model']} on every device")
              for rows in chosen]
    how = tag("p", "Measure your machine in a few minutes with ", tag("code", COMMAND), ", then find its decode rate in the chart of the "
              "same model. Each ring is a device; the shaded band is the middle half of all devices.")
    if not chosen:
        return layout.section("How does your machine compare?", layout.note("No model has been measured on two devices yet."), id_="stand")
    return layout.section("How does your machine compare?", how,
                          layout.note("Decode in answer tokens per second, one call at a time."),
                          tag("div", strips, class_="charts"), _percentiles(chosen), id_="stand")


def _link(rows: List[Row]) -> Html:
    return lists.link("", rows[0].model["page"], rows[0].model["model"])


def _percentiles(chosen: List[List[Row]]) -> Html:
    heads = tables.words("Model") + tables.counts("Devices", "Slowest", "25th percentile", "Median",
                                                  "75th percentile", "Fastest")
    lines = []
    for rows in chosen:
        values = [point.interval.value for point in lists.device_points(rows, None)]
        marks = (min(values), *strip.quartiles(values), max(values))
        lines.append([TableCell(_link(rows)), number(len(values)), *map(number, marks)])
    return layout.details("The same in numbers", table("Decode tok/s, over devices", heads, lines))


# ----- what is new

def _newest(catalogue: dict) -> Html:
    runs_table = lists.runs("", catalogue["runs"][:NEWEST], "Newest runs, by start time")
    return layout.section("Newest runs", runs_table, id_="newest")
