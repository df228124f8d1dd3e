"""Strip chart: one figure of all devices on one axis, the middle half shaded, one device highlighted; and sparklines."""
from __future__ import annotations

import functools
from typing import Callable, List, NamedTuple, Tuple

from derive.distribution import quantile
from publish import number_format
from publish.charts import axes, scale
from publish.charts.axes import Interval
from publish.escape import Html
from publish.markup import EMPTY, tag

HEIGHT, MIDDLE = 74, 34
KEPT_SCENES = 1 << 9        # the page of each device has those of all its models
SPARK_WIDTH, SPARK_HEIGHT, SPARK_EDGE = 112, 18, 5


class DevicePoint(NamedTuple):
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


class _Scene(NamedTuple):
    """What the charts of one model have in common, whichever device is highlighted. `rings` has the mark of each device."""
    x: scale.Scale
    words: str
    band: List[Html]
    rings: List[Html]
    ticks: List[Html]


def chart(points: List[DevicePoint], title: str, unit: str) -> Html:
    """All points on a logarithmic axis."""
    scene = _scene(tuple(point._replace(is_ours=False) for point in points), unit)
    rings = [ring for ring, point in zip(scene.rings, points) if not point.is_ours]
    ours = [_highlighted(scene.x, point.interval, _words(point), unit) for point in points if point.is_ours]
    return axes.svg(axes.WIDTH, HEIGHT, title, scene.words, scene.band, rings, ours or _ends(scene.x, points), scene.ticks)


@functools.lru_cache(maxsize=KEPT_SCENES)
def _scene(points: Tuple[DevicePoint, ...], unit: str) -> _Scene:
    x = scale.logarithmic([end for point in points for end in (point.interval.low, point.interval.high)], 10, axes.WIDTH - 10)
    low, middle, high = quartiles([point.interval.value for point in points])
    words = "; ".join(map(_words, sorted(points, key=lambda point: point.interval.value)))
    band = [tag("rect", x=f"{x.at(low):g}", y=f"{MIDDLE - 9}", width=f"{max(1, x.at(high) - x.at(low)):g}", height="18", class_="half"),
            axes.line(x.at(middle), MIDDLE - 12, x.at(middle), MIDDLE + 12, "middle"), axes.line(x.start, MIDDLE, x.end, MIDDLE, "axis")]
    rings = [axes.mark("ring", x.at(point.interval.value), MIDDLE, "other", 4, _words(point)) for point in points]
    ticks = [axes.line(x.at(value), MIDDLE + 12, x.at(value), MIDDLE + 16, "axis") for value in x.ticks]
    ticks += [axes.label(x.at(value), MIDDLE + 28, x.show(value), "tick", _anchor(x, value)) for value in axes.labelled_ticks(x)]
    half = f"The shaded half lies between {number_format.figure(low)} and {number_format.figure(high)} {unit}"
    return _Scene(x, f"{words}. {half}", band, rings, ticks)


def _highlighted(x: scale.Scale, interval: Interval, words: str, unit: str) -> List[Html]:
    at = x.at(interval.value)
    return [axes.whisker(x, MIDDLE, interval, "ours"), _flag(at, f"{number_format.figure(interval.value)} {unit}"),
            axes.mark("diamond", at, MIDDLE, "ours", 5.5, words)]


def _words(point: DevicePoint) -> str:
    return f"{point.name}: {axes.describe(point.interval, number_format.figure)}"


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
