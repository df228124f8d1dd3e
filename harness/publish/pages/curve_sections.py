"""Curves of a cell: first token by prompt length, decode by context depth, throughput by concurrency."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterable, Iterator, List, Optional

from publish import number_format
from publish.charts import curves
from publish.charts.axes import Interval
from publish.charts.curves import Axis, Series
from publish.escape import Html
from publish.markup import tag
from publish.pages import context_section, figure_text, layout

FILLED, ALONE = ("context-edge", "context-append"), "parallel-same"
NAMES = {"frozen-prompts": "frozen prompts", "context-edge": "single prompts", "context-append": "a growing conversation"}
PROMPT = Axis("prompt tokens", is_log=True)
FIRST = Axis("time to first token", is_log=True, show=number_format.milliseconds)
DECODE = Axis("decode, tok/s")
AT_ONCE = "Throughput against calls at once"


@dataclass(frozen=True)
class Curve:
    """A chart. `points` reads (x, y) from one phase of a cell, `run_points` from one phase of a run."""
    title: str
    x: Axis
    y: Axis
    phases: tuple
    points: Callable[[dict], list]
    run_points: Callable[[dict], list]


def _groups(phase: dict) -> Iterable[dict]:
    """Groups that are points of a curve: single items of the first pass."""
    return (group for group in phase["groups"] if group["item"] is not None and group["pass"] in (None, "first"))


def _by_prompt(groups: Iterable[dict], figure: str) -> list:
    return [(group["figures"]["prompt_tokens"]["over_runs"]["median"], figure_text.of_spread(group["figures"][figure]))
            for group in groups if group["figures"]["prompt_tokens"] and group["figures"][figure]]


def _run_decode(phase: dict) -> list:
    return [(group["metrics"]["prompt_tokens"]["median"], group["metrics"]["decode_tok_s"]["median"]) for group in _groups(phase)
            if group["fill"] is not None and group["metrics"]["decode_tok_s"] and group["metrics"].get("prompt_tokens")]


def _waves(phase: dict) -> list:
    return [(level["level"], figure_text.of_spread(level["tok_s"])) for level in phase["levels"] if level["tok_s"]]


def _run_waves(phase: dict) -> list:
    return [(wave["level"], wave["tok_s"]["median"]) for wave in phase["waves"] if wave["tok_s"]]


TTFT = Curve("Time to first token against prompt length", PROMPT, FIRST, ("frozen-prompts", "context-edge"),
             lambda phase: _by_prompt(_groups(phase), "ttft_ms"), lambda phase: [])
CONTEXT = Curve("Decode against context depth", PROMPT, DECODE, FILLED,
                lambda phase: _by_prompt((group for group in _groups(phase) if group["fill"] is not None), "decode_tok_s"), _run_decode)
ALL = (TTFT, CONTEXT)


def series(curve: Curve, variant: dict) -> List[Series]:
    result = []
    for kind, name in enumerate(curve.phases, 1):
        for phase in _phases(variant, name):
            points = tuple(sorted(curve.points(phase), key=lambda point: point[0]))
            if points:
                result.append(Series(_with_runs(NAMES[name], phase), points, kind))
    return result


def _with_runs(name: str, phase: dict) -> str:
    return f"{name}, {number_format.counted(phase['runs'], 'run')}"


def run_lines(curve: Curve, variant: dict) -> list:
    """One line for each run, of the first phase that is drawn."""
    return [sorted(curve.run_points(phase)) for run in variant["by_run"] for phase in _phases(run, curve.phases[0])]


def chart_of(curve: Curve, variant: dict) -> Optional[Html]:
    series_list, lines = series(curve, variant), run_lines(curve, variant)
    if not series_list:
        return None
    below = "Thin lines are single runs." if any(len(line) > 1 for line in lines) and variant["runs"] > 1 else None
    return layout.figure(curves.chart(series_list, lines if variant["runs"] > 1 else [], curve.x, curve.y, curve.title),
                         [curve.title, curves.legend(series_list)], layout.note(below) if below else None)


# ----- throughput against concurrency

def concurrency_chart(variant: dict) -> Optional[Html]:
    """Total answer tokens per second by concurrency, with ideal scaling."""
    phase = next(_phases(variant, ALONE), None)
    points = _waves(phase) if phase else []
    if phase is None or not points:
        return None
    series_list = [Series(_with_runs("measured", phase), tuple(points), 1), *_ideal(points)]
    lines = [sorted(_run_waves(run_phase)) for run in variant["by_run"] for run_phase in _phases(run, ALONE)]
    serialised = any(level["serialised"] for level in phase["levels"])
    levels = tuple(float(level) for level, _ in points)
    chart = curves.chart(series_list, lines if variant["runs"] > 1 else [], _levels(levels), Axis("total tok/s"), AT_ONCE)
    note = layout.note("In some runs the server processed the calls one after the other.") if serialised else None
    return layout.figure(chart, [AT_ONCE, curves.legend(series_list)], note)


def _phases(record: dict, name: str) -> Iterator[dict]:
    """The phase of that name of a variant or a run, if there is one."""
    return (phase for phase in record["phases"] if phase["phase"] == name)


def _levels(levels: tuple) -> Axis:
    return Axis("calls at once", is_log=True, ticks=levels, show=lambda value: f"{value:g}")


def _ideal(points: List[tuple]) -> List[Series]:
    """The rate of one call times the number of calls, as far as it is near the measured range."""
    alone = next((interval.value for level, interval in points if level == 1), None)
    if alone is None or len(points) < 2:
        return []
    most = 1.6 * max(interval.high for _, interval in points)
    rates = ((float(level), level * alone) for level, _ in points)
    line = tuple((level, Interval(rate, rate, rate)) for level, rate in rates if rate <= most)
    return [Series("ideal: each call as fast as one alone", line, 6)]


# ----- small multiples

SHARE = Axis("decode, of the shortest prompt", show=number_format.percent)
GAIN = Axis("total tok/s, of one call alone", show=lambda value: f"{value:g}\u00d7")
FULL = "Decode by the tokens of context that a single prompt fills, against the shortest one. All charts have the same axes."
TOGETHER = "Total answer tokens per second, against one call at a time. All charts have the same axes."


def sections(named: List[tuple]) -> List[Optional[Html]]:
    """Two sections of small charts, one chart for each (name, variant), all on the same axes."""
    fills = [(name, points) for name, variant in named for points in [context_section.points(variant, "decode_tok_s")] if points]
    waves = [(name, _waves(phase)) for name, variant in named for phase in _phases(variant, ALONE)]
    levels = tuple(sorted({float(level) for _, points in waves for level, _ in points}))
    return [_multiples("What a full context costs", FULL, _many(fills, PROMPT, SHARE, CONTEXT.title), "context"),
            _multiples("Several calls at once", TOGETHER, _many(waves, _levels(levels), GAIN, AT_ONCE), "at-once")]


FIRST_CHARTS, MAX_CHARTS = 12, 40       # small charts of a section: shown at once, and in all, with some 3 kB each


def _multiples(title: str, description: str, charts: List[Html], id_: str) -> Optional[Html]:
    if not charts:
        return None
    first, more = (tag("div", some, class_="small-charts") for some in (charts[:FIRST_CHARTS], charts[FIRST_CHARTS:]))
    rest = layout.details(f"Show {len(charts) - FIRST_CHARTS} more", more) if len(charts) > FIRST_CHARTS else None
    return layout.section(title, layout.note(description), first, rest, id_=id_)


def _many(named: List[tuple], x: Axis, y: Axis, title: str) -> List[Html]:
    """A small chart for each (name, points) with at least two points, relative to the first."""
    charts = [(name, points, [Series("measured", _against(points), 1)]) for name, points in named if len(points) > 1]
    charts = charts[:MAX_CHARTS]        # they come fastest first; each cell's page has its own
    ranges = curves.extent([line for _, _, lines in charts for line in lines])
    return [layout.figure(curves.chart(lines, (), x, y, title, True, ranges), name, _from_to(points))
            for name, points, lines in charts]


def _from_to(points: List[tuple]) -> Html:
    first, last = (number_format.figure(points[place][1].value) for place in (0, -1))
    return layout.note(f"{first} \u2192 {last} tok/s, ", figure_text.run_count(points[-1][1].runs))


def _against(points: List[tuple]) -> tuple:
    first = points[0][1].value
    return tuple((place, Interval(interval.value / first, interval.low / first, interval.high / first, interval.n, interval.runs))
                 for place, interval in points)
