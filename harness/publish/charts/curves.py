"""Curves: a figure against another, as points with their intervals, joined by lines; one chart, or many small ones alike."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterable, List, Tuple

from publish import number_format
from publish.charts import axes, scale
from publish.charts.axes import Interval
from publish.escape import Html
from publish.markup import tag

SMALL_WIDTH, SMALL_HEIGHT = 220, 130
MOST_FAINT = 40         # runs that are drawn one by one behind their median


@dataclass(frozen=True)
class Series:
    """One line. `points` are (x, Interval), `kind` numbers its colour, shape and dash."""
    name: str
    points: Tuple[Tuple[float, Interval], ...]
    kind: int = 1


@dataclass(frozen=True)
class Axis:
    """What an axis is of. `low` is where a linear one begins; `ticks` are its only values, where they are given."""
    title: str
    is_log: bool = False
    low: float | None = 0.0
    ticks: tuple = ()
    show: Callable[[float], str] = number_format.figure


def chart(series: List[Series], faint: Iterable[Iterable[tuple]], x: Axis, y: Axis, title: str, small: bool = False,
          ranges: tuple | None = None) -> Html:
    """`faint` are lines of (x, y) for the single runs. `ranges` are values that both axes have to reach, for charts alike."""
    width, height = (SMALL_WIDTH, SMALL_HEIGHT) if small else (axes.WIDTH, axes.HEIGHT)
    lines = [list(points) for points in faint][:MOST_FAINT]
    xs, ys = ranges or extent(series, lines)
    across = _scale(x, xs, axes.LEFT - (8 if small else 0), width - axes.RIGHT, 4 if small else 6)
    upward = _scale(y, ys, height - axes.BOTTOM, axes.TOP, 3 if small else 5)
    drawn = [_path(across, upward, points, "faint") for points in lines if len(points) > 1]
    drawn += [_one(across, upward, one) for one in series]
    words = ". ".join(f"{one.name}: " + "; ".join(
        f"at {x.show(place)}: {axes.told(found, y.show)}" for place, found in one.points) for one in series)
    return axes.svg(width, height, title, words, axes.frame(across, upward, x.title, y.title), drawn,
                    class_="chart small" if small else "chart")


def extent(series: Iterable[Series], lines: Iterable[list] = ()) -> tuple:
    """(all x, all y) that have to find a place."""
    points = [point for one in series for point in one.points]
    xs = [place for place, _ in points] + [point[0] for line in lines for point in line]
    ys = [end for _, found in points for end in (found.low, found.high)] + [point[1] for line in lines for point in line]
    return xs, ys


def _scale(axis: Axis, values: list, start: float, end: float, count: int) -> scale.Scale:
    if axis.ticks:
        made = scale.logarithmic if axis.is_log else scale.linear
        found = made(values + list(axis.ticks), start, end)
        low, high = min(axis.ticks), max(axis.ticks)
        if low == high:
            low, high = low / 2, high * 2
        return scale.Scale(low, high, start, end, found.is_log, axis.ticks, axis.show)
    if axis.is_log:
        return scale.logarithmic(values, start, end, axis.show)
    return scale.linear(values, start, end, count, axis.low, axis.show)


def _one(x: scale.Scale, y: scale.Scale, one: Series) -> Html:
    kind = f"s{one.kind}"
    shape = axes.SHAPES[(one.kind - 1) % len(axes.SHAPES)]
    parts = [axes.upright(x.at(place), y, found, kind) for place, found in one.points if found.low < found.high]
    if len(one.points) > 1:
        parts.insert(0, _path(x, y, [(place, found.value) for place, found in one.points], f"{kind} d{one.kind}"))
    parts += [axes.mark(shape, x.at(place), y.at(found.value), kind, 3.6,
                        f"{one.name}, {x.show(place)}: {axes.told(found, y.show)}") for place, found in one.points]
    return tag("g", parts)


def _path(x: scale.Scale, y: scale.Scale, points: list, class_: str) -> Html:
    return tag("path", d="M" + "L".join(f"{x.at(place):g} {y.at(value):g}" for place, value in points),
               class_=f"line {class_}")


def legend(series: List[Series]) -> Html:
    """Which line is which, above the chart."""
    return tag("ul", (tag("li", sample(one.kind), " ", one.name) for one in series), class_="legend")


def sample(kind: int) -> Html:
    """A short piece of a line with its mark."""
    return tag("svg", tag("path", d="M1 6H25", class_=f"line s{kind} d{kind}"),
               axes.mark(axes.SHAPES[(kind - 1) % len(axes.SHAPES)], 13, 6, f"s{kind}", 3.6), class_="sample",
               viewBox="0 0 26 12",
               width="26", height="12", aria_hidden="true")
