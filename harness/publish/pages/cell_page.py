"""A cell page: one model on one device: headline, curves, every run, every phase; each digest separately."""
from __future__ import annotations

from typing import List, Optional

from derive import headline
from publish import number_format, page_inputs
from publish.charts import strip
from publish.charts.axes import Interval
from publish.charts.scale import Scale
from publish.escape import Html
from publish.markup import tag
from publish.pages import context_section, curve_sections, figure_text, layout, lists, phase_tables, tables, thinking_section
from publish.pages.figure_columns import COLUMNS, Column, Row
from publish.pages.tables import Head, TableCell, interval, table


APART = "The model was published more than once under this name. Each digest is shown separately; they are never pooled."
MAX_RUNS = 100          # rows of the table of runs, with 2.5 kB each


def page(inputs: page_inputs.CellPageInput) -> tuple:
    cell, device, model = inputs.cell, inputs.device, inputs.model
    path, root = cell["page"], layout.root_of(cell["page"])
    trail = ((device["page"], cell["device_tag"]), (model["page"], cell["model"]))
    title = [lists.name(cell["model"]), lists.muted(" on "), lists.name(device["label"] or cell["device_tag"])]
    withheld = f", {cell['withheld']:,} of them not shown but counted" if cell["withheld"] else ""
    lead = [number_format.counted(cell["runs"], "run"), withheld, ". ", tag("a", "This page as JSON", href=root + cell["data"]),
            ", ",
            tag("a", "other models on this device", href=f"{root}compare/{device['page']}"), ", ",
            tag("a", "other devices with this model", href=f"{root}compare/{model['page']}"), "."]
    rows = [Row(device, model, cell, variant) for variant in cell["variants"]]
    return layout.page(
        path, f"{cell['model']} on {cell['device_tag']}", trail, inputs.synthetic, tag("h1", title),
        tag("p", lead, class_="lead"), _one_digest(root, rows[0], inputs.runs) if len(rows) == 1 else _digests(root, rows, inputs.runs))


def _one_digest(root: str, row: Row, runs: List[dict]) -> list:
    sections = _sections(root, row, runs, 2)
    return [_facts(row.variant), layout.contents_of(sections), sections]


def _digests(root: str, rows: List[Row], runs: List[dict]) -> list:
    links = layout.contents(*((row.mark, f"Digest {row.mark}, {number_format.counted(row.variant['runs'], 'run')}") for row in rows))
    return [layout.note(APART), links, [layout.section(["Digest ", tag("code", row.mark)], _facts(row.variant), _sections(root, row, runs, 3),
                                                       id_=row.mark, class_="variant") for row in rows]]


def _sections(root: str, row: Row, runs: List[dict], level: int) -> List[Optional[Html]]:
    """The sections of one digest; at level 2 they have ids, since there is no other digest."""
    variant = row.variant
    listed = {run["run_id"] for run in variant["by_run"]}
    return [_headline(row, level), thinking_section.of_cell(variant, level), _charts(variant, level), context_section.of_cell(variant, level),
            _runs(root, variant, [run for run in runs if run["run_id"] in listed], level),
            layout.section("Phase by phase", phase_tables.of_cell(variant, level + 1), level=level, id_=layout.id_at(level, "phases"),
                           class_="phases")]


def _facts(variant: dict) -> Html:
    memory, offload = variant["memory_bytes"], variant["offload_share"]
    dates = " to ".join(dict.fromkeys((variant["oldest"][:10], variant["newest"][:10])))
    return layout.facts((
        ("Size on disk", number_format.gigabytes(variant["size_bytes"])),
        ("Quantization", variant["quantization"] and lists.name(variant["quantization"])),
        ("Parameters", variant["parameter_size"] and lists.name(variant["parameter_size"])),
        ("Format", variant["format"] and lists.name(variant["format"])),
        ("Trained context", f"{variant['context_length']:,} tokens" if variant["context_length"] else None),
        ("Thinking", "always on, cannot be switched off" if variant["always_thinks"] else None),
        ("In memory", number_format.gigabytes(memory["median"]) if memory else None),
        ("On the accelerator", number_format.percent(offload["median"]) if offload else None),
        ("Digest", tag("code", figure_text.short(variant["digest"]))),
        ("Measured", f"{dates}, by {number_format.counted(variant['handles'], 'person', 'people')}"),
        ("Server", [part for version in variant["server_versions"] for part in (tag("code", version), " ")]),
        ("Grades", figure_text.counts(variant["grades"])), ("Verdicts", figure_text.counts(variant["verdicts"])),
        ("Warnings", figure_text.counts(variant["warnings"]))))


def _headline(row: Row, level: int) -> Html:
    tiles = [_tile(column, column.find(row)) for column in COLUMNS]
    return layout.section("At a glance", tag("div", tiles, class_="tiles"), _bound(row.variant["bound"]),
                          lists.column_meanings(COLUMNS), level=level, id_=layout.id_at(level, "figures"))


def _tile(column: Column, interval: Optional[Interval]) -> Optional[Html]:
    what = tag("span", column.title, class_="what", title=column.description)
    return None if interval is None else tag("div", what, figure_text.render(interval, column.show), class_="tile")


def _bound(bound: Optional[dict]) -> Optional[Html]:
    """Decode against the limit of memory bandwidth, with the arithmetic."""
    if bound is None:
        return None
    bandwidth, size = number_format.figure(bound["bandwidth_gb_s"]), bound["size_bytes"]
    beyond = ": more than memory bandwidth allows, so a cache helps or some weights are not read"
    return tag("p", "Each token reads all weights once. The memory of this chip (", tag("bdi", bound["bandwidth_of"]),
               f") moves {bandwidth} GB/s, the weights are {number_format.gigabytes(size)}: at most {bandwidth} GB/s / "
               f"{number_format.figure(size / 1e9)} GB = {number_format.figure(bound['bound_tok_s'])} tok/s. Measured: "
               f"{number_format.figure(bound['decode_tok_s'])} tok/s, which is ", tag("b", number_format.percent(bound["share"])),
               " of it", beyond if bound["share"] > 1 else "", ".", class_="bound")


def _charts(variant: dict, level: int) -> Optional[Html]:
    drawn = [curve_sections.chart_of(curve, variant) for curve in curve_sections.ALL] + [curve_sections.concurrency_chart(variant)]
    if not any(drawn):
        return None
    says = layout.note("Points are medians over runs; vertical bars are the quartiles.")
    return layout.section("Curves", tag("div", drawn, class_="charts"), says, level=level, id_=layout.id_at(level, "curves"))


# ----- runs

def _runs(root: str, variant: dict, runs: List[dict], level: int) -> Html:
    by_run = {run["run_id"]: run for run in variant["by_run"]}
    drifts = {run_id: _drift(run) for run_id, run in by_run.items()}
    speeds = [figure_text.of_calls(_own(run, variant)["decode_tok_s"]) for run in runs]
    speed = strip.shared([interval for interval in speeds if interval], is_log=False)
    steady = strip.shared([drift for drift in drifts.values() if drift] + [Interval(1, 0.9, 1.1)], is_log=False, show=_ratio)
    heads = [Head("Run", first="down"), *tables.words("Contributor", "Grade", "Verdict"), *tables.counts("Decode tok/s"), lists.drawn(speed),
             Head("First token", "n"),
             *tables.counts("Right answers", "Code passed"), Head("Last/first pass", "n"), lists.drawn(steady),
             lists.FAILED_HEAD]
    lines = [[*_run(root, run, _own(run, variant), drifts[run["run_id"]], speed, steady), _failed(by_run[run["run_id"]])]
             for run in runs[:MAX_RUNS]]
    cut = f"The newest {MAX_RUNS} of {len(runs):,} runs; the others are in the JSON of this page."
    withheld = f"{number_format.counted(variant['withheld'], 'run')} more not shown but counted in the figures above."
    lone = "A single run: its spread over runs is unknown."
    return layout.section("Every run", table("Runs, newest first, each with its own medians over calls", heads, lines,
                                             "runs", "Find a run"),
                          layout.note(cut) if len(runs) > MAX_RUNS else None,
                          layout.note(lone) if variant["runs"] == 1 else None,
                          layout.note(withheld) if variant["withheld"] else None, level=level, id_=layout.id_at(level, "runs"))


def _own(run: dict, variant: dict) -> dict:
    return next(model for model in run["models"] if model["digest"] == variant["digest"])


def _drift(run: dict) -> Optional[Interval]:
    """Decode in the last pass over decode in the first, of one run."""
    ratios = [phase["drift"]["decode"] for phase in run["phases"] if phase["drift"]]
    if not ratios or ratios[0] is None:
        return None
    decode = ratios[0]
    low, high = (decode["ratio"] if decode[end] is None else decode[end] for end in ("low", "high"))
    return Interval(decode["ratio"], low, high, number_format.counted(decode["n"], "pair"))


def _run(root: str, run: dict, own: dict, drift: Optional[Interval], speed: Optional[Scale],
         steady: Optional[Scale]) -> List[TableCell]:
    decode = figure_text.of_calls(own["decode_tok_s"])
    return [lists.run_link(root, run, _superseded(root, run)), TableCell(lists.name(run["handle"]), run["handle"]),
            *lists.grade_and_verdict(run), interval(decode), lists.spark(speed, decode),
            interval(figure_text.of_calls(own["ttft_ms"]), number_format.milliseconds),
            tables.share(own["answers"]), tables.share(own["code"]), interval(drift, _ratio),
            lists.spark(steady, drift, 1.0)]


def _failed(run: dict) -> TableCell:
    """Of the calls of this cell; those of the run's other models are not counted."""
    return lists.failed_cell(sum(map(headline.failed, run["phases"])), sum(phase["calls"] for phase in run["phases"]))


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def _superseded(root: str, run: dict) -> Optional[Html]:
    later = run["superseded_by"]
    return later and tag("small", "superseded by ", tag("a", later[:8], href=root + page_inputs.page_of_run(later)))
