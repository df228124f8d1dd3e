"""Line charts: points with their intervals, joined by lines; one chart, or many small ones on the same axes."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterable, List, Tuple

from publish import number_format
from publish.charts import axes, scale
from publish.charts.axes import Interval
from publish.escape import Html
from publish.markup import tag

SMALL_WIDTH, SMALL_HEIGHT = 220, 130
MAX_RUN_LINES = 40      # single runs drawn behind their median


@dataclass(frozen=True)
class Series:
    """One line. `points` are (x, Interval); `kind` selects colour, shape and dash."""
    name: str
    points: Tuple[Tuple[float, Interval], ...]
    kind: int = 1


@dataclass(frozen=True)
class Cliff:
    """A vertical line at x, with words, in the colour of a series."""
    x: float
    words: str = ""
    kind: int = 1


@dataclass(frozen=True)
class Axis:
    """`low` is where a linear axis begins; `ticks` are its only values, if given."""
    title: str
    is_log: bool = False
    low: float | None = 0.0
    ticks: tuple = ()
    show: Callable[[float], str] = number_format.figure


def chart(series: List[Series], run_lines: Iterable[Iterable[tuple]], x: Axis, y: Axis, title: str, small: bool = False,
          ranges: tuple | None = None, cliffs: Iterable[Cliff] = ()) -> Html:
    """`run_lines` are (x, y) points of single runs. `ranges` are values that both axes cover, for charts on the same axes."""
    width, height = (SMALL_WIDTH, SMALL_HEIGHT) if small else (axes.WIDTH, axes.HEIGHT)
    lines = [list(points) for points in run_lines][:MAX_RUN_LINES]
    xs, ys = ranges or extent(series, lines)
    across = _scale(x, xs, axes.LEFT - (8 if small else 0), width - axes.RIGHT, 4 if small else 6)
    upward = _scale(y, ys, height - axes.BOTTOM, axes.TOP, 3 if small else 5)
    drawn = [_path(across, upward, points, "faint") for points in lines if len(points) > 1]
    drawn += [_draw_cliff(across, upward, cliff) for cliff in cliffs]
    drawn += [_draw_series(across, upward, line) for line in series]
    words = ". ".join(f"{line.name}: " + "; ".join(
        f"at {x.show(place)}: {axes.describe(interval, y.show)}" for place, interval in line.points) for line in series)
    return axes.svg(width, height, title, words, axes.frame(across, upward, x.title, y.title), drawn,
                    class_="chart small" if small else "chart")


def extent(series: Iterable[Series], lines: Iterable[list] = ()) -> tuple:
    """(all x, all y) that the axes have to cover."""
    points = [point for line_series in series for point in line_series.points]
    xs = [place for place, _ in points] + [point[0] for line in lines for point in line]
    ys = [end for _, interval in points for end in (interval.low, interval.high)] + [point[1] for line in lines for point in line]
    return xs, ys


def _scale(axis: Axis, values: list, start: float, end: float, count: int) -> scale.Scale:
    if axis.ticks:
        make_scale = scale.logarithmic if axis.is_log else scale.linear
        fitted = make_scale(values + list(axis.ticks), start, end)
        low, high = min(axis.ticks), max(axis.ticks)
        if low == high:
            low, high = low / 2, high * 2
        return scale.Scale(low, high, start, end, fitted.is_log, axis.ticks, axis.show)
    if axis.is_log:
        return scale.logarithmic(values, start, end, axis.show)
    return scale.linear(values, start, end, count, axis.low, axis.show)


def _draw_series(x: scale.Scale, y: scale.Scale, line: Series) -> Html:
    kind = f"s{line.kind}"
    shape = axes.SHAPES[(line.kind - 1) % len(axes.SHAPES)]
    parts = [axes.vertical_whisker(x.at(place), y, interval, kind) for place, interval in line.points if interval.low < interval.high]
    if len(line.points) > 1:
        parts.insert(0, _path(x, y, [(place, interval.value) for place, interval in line.points], f"{kind} d{line.kind}"))
    parts += [axes.mark(shape, x.at(place), y.at(interval.value), kind, 3.6,
                        f"{line.name}, {x.show(place)}: {axes.describe(interval, y.show)}") for place, interval in line.points]
    return tag("g", parts)


def _draw_cliff(x: scale.Scale, y: scale.Scale, cliff: Cliff) -> Html:
    at = x.at(cliff.x)
    anchor = "end" if at > (x.start + x.end) / 2 else "start"
    label = axes.label(at - 4 if anchor == "end" else at + 4, y.start - 6, cliff.words, "tick", anchor) if cliff.words else None
    return tag("g", axes.line(at, y.start, at, y.end, f"cliff s{cliff.kind}"), label)


def _path(x: scale.Scale, y: scale.Scale, points: list, class_: str) -> Html:
    return tag("path", d="M" + "L".join(f"{x.at(place):g} {y.at(value):g}" for place, value in points),
               class_=f"line {class_}")


def legend(series: List[Series]) -> Html:
    return tag("ul", (tag("li", sample(line.kind), " ", line.name) for line in series), class_="legend")


def sample(kind: int) -> Html:
    """A short line with its mark."""
    return tag("svg", tag("path", d="M1 6H25", class_=f"line s{kind} d{kind}"),
               axes.mark(axes.SHAPES[(kind - 1) % len(axes.SHAPES)], 13, 6, f"s{kind}", 3.6), class_="sample",
               viewBox="0 0 26 12",
               width="26", height="12", aria_hidden="true")
