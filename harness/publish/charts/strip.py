"""Strip chart: one figure of all devices on one axis, the middle half shaded, one device highlighted; and sparklines."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List

from derive.distribution import quantile
from publish import number_format
from publish.charts import axes, scale
from publish.charts.axes import Interval
from publish.escape import Html
from publish.markup import EMPTY, tag

HEIGHT, MIDDLE = 74, 34
SPARK_WIDTH, SPARK_HEIGHT, SPARK_EDGE = 112, 18, 5


@dataclass(frozen=True)
class DevicePoint:
    name: str
    interval: Interval
    is_ours: bool = False       # the highlighted one


def quartiles(values: List[float]) -> tuple:
    ordered = sorted(values)
    return tuple(quantile(ordered, share) for share in (0.25, 0.5, 0.75))


def slower(points: List[DevicePoint]) -> int:
    """How many others have a lower value than ours."""
    ours = next(point.interval.value for point in points if point.is_ours)
    return sum(point.interval.value < ours for point in points if not point.is_ours)


def chart(points: List[DevicePoint], title: str, unit: str) -> Html:
    """All points on a logarithmic axis."""
    x = scale.logarithmic([end for point in points for end in (point.interval.low, point.interval.high)], 10, axes.WIDTH - 10)
    low, middle, high = quartiles([point.interval.value for point in points])
    parts = [tag("rect", x=f"{x.at(low):g}", y=f"{MIDDLE - 9}", width=f"{max(1, x.at(high) - x.at(low)):g}", height="18",
                 class_="half"),
             axes.line(x.at(middle), MIDDLE - 12, x.at(middle), MIDDLE + 12, "middle"),
             axes.line(x.start, MIDDLE, x.end, MIDDLE, "axis")]
    for point in sorted(points, key=lambda point: point.is_ours):
        kind, words = ("ours" if point.is_ours else "other"), f"{point.name}: {axes.describe(point.interval, number_format.figure)}"
        if point.is_ours:
            parts += [axes.whisker(x, MIDDLE, point.interval, kind),
                      _flag(x.at(point.interval.value), f"{number_format.figure(point.interval.value)} {unit}")]
        parts.append(axes.mark("diamond" if point.is_ours else "ring", x.at(point.interval.value), MIDDLE, kind,
                               5.5 if point.is_ours else 4, words))
    if not any(point.is_ours for point in points):
        parts += _ends(x, points)
    parts += [axes.line(x.at(value), MIDDLE + 12, x.at(value), MIDDLE + 16, "axis") for value in x.ticks]
    parts += [axes.label(x.at(value), MIDDLE + 28, x.show(value), "tick", _anchor(x, value)) for value in axes.labelled_ticks(x)]
    words = "; ".join(f"{point.name}: {axes.describe(point.interval, number_format.figure)}" for point in sorted(
        points, key=lambda point: point.interval.value))
    return axes.svg(axes.WIDTH, HEIGHT, title,
                    f"{words}. The shaded half lies between {number_format.figure(low)} and {number_format.figure(high)} {unit}",
                    parts)


def _ends(x: scale.Scale, points: List[DevicePoint]) -> List[Html]:
    """The names of the slowest and the fastest, if there is room for both."""
    ranked = sorted(points, key=lambda point: point.interval.value)
    first, last = ranked[0], ranked[-1]
    if (len(first.name) + len(last.name) + 2) * axes.CHARACTER > axes.WIDTH - 20:
        return []
    return [axes.label(x.start, MIDDLE - 16, first.name, "label soft"),
            axes.label(x.end, MIDDLE - 16, last.name, "label soft", "end")]


def _anchor(x: scale.Scale, value: float) -> str:
    return "start" if x.at(value) < x.start + 12 else "end" if x.at(value) > x.end - 12 else "middle"


def _flag(at: float, words: str) -> Html:
    half = len(words) * axes.CHARACTER / 2
    return axes.label(min(max(at, half + 2), axes.WIDTH - half - 2), MIDDLE - 16, words, "label", "middle")


def shared(intervals: List[Interval], is_log: bool = True, width: float = SPARK_WIDTH,
           show: Callable = number_format.figure) -> scale.Scale | None:
    """A common scale for the sparklines of a column; None if there is nothing to draw."""
    ends = [end for interval in intervals for end in (interval.low, interval.high)]
    if not ends:
        return None
    if is_log:
        return scale.logarithmic(ends, SPARK_EDGE, width - SPARK_EDGE, show)
    return scale.linear(ends, SPARK_EDGE, width - SPARK_EDGE, 4, low=None, show=show)


def ruler(x: scale.Scale | None) -> Html:
    """The scale of a sparkline column, for its head."""
    if x is None:
        return EMPTY
    parts = [axes.line(x.at(value), 13, x.at(value), 17, "axis") for value in x.ticks]
    parts += [axes.label(x.at(value), 9, x.show(value), "tick", _anchor(x, value)) for value in _ends_of(x)]
    return tag("svg", parts, class_="spark chart", viewBox=f"0 0 {x.end + SPARK_EDGE:g} 18",
               width=f"{x.end + SPARK_EDGE:g}", height="18", aria_hidden="true")


def _ends_of(x: scale.Scale) -> list:
    """The first and the last tick, if there is room for both."""
    first, last = x.ticks[0], x.ticks[-1]
    if (len(x.show(first)) + len(x.show(last)) + 2) * axes.CHARACTER > x.at(last) - x.at(first) + 24:
        return [last]
    return [first, last]


def spark(x: scale.Scale, interval: Interval, class_: str = "ours", at: float | None = None) -> Html:
    """A figure with its interval on the column's scale; `at` is a reference value."""
    middle = SPARK_HEIGHT / 2
    parts = [axes.line(x.start, middle, x.end, middle, "grid")]
    if at is not None:
        parts.append(axes.line(x.at(at), 1, x.at(at), SPARK_HEIGHT - 1, "middle"))
    parts += [axes.whisker(x, middle, interval, class_), axes.mark("circle", x.at(interval.value), middle, class_, 3.4)]
    width = x.end + SPARK_EDGE
    return tag("svg", parts, class_="spark", viewBox=f"0 0 {width:g} {SPARK_HEIGHT}", width=f"{width:g}",
               height=SPARK_HEIGHT, aria_hidden="true")
