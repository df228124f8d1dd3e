"""Strip: where one stands among all; a row of marks on one axis, the middle half shaded, one of them pointed out."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List

from publish import number_format
from publish.charts import axes, scale
from publish.charts.axes import Interval
from publish.escape import Html
from publish.markup import EMPTY, tag

HEIGHT, MIDDLE = 74, 34
SPARK_WIDTH, SPARK_HEIGHT, SPARK_EDGE = 112, 18, 5


@dataclass(frozen=True)
class Standing:
    name: str
    found: Interval
    is_ours: bool = False       # the one that the strip is about


def quartiles(values: List[float]) -> tuple:
    """Of several devices or models, by linear interpolation."""
    ranked = sorted(values)

    def at(share: float) -> float:
        place = share * (len(ranked) - 1)
        below = int(place)
        return ranked[below] + (place - below) * (ranked[min(below + 1, len(ranked) - 1)] - ranked[below])
    return at(0.25), at(0.5), at(0.75)


def slower(standings: List[Standing]) -> int:
    """How many of the others have less than ours."""
    ours = next(one.found.value for one in standings if one.is_ours)
    return sum(one.found.value < ours for one in standings if not one.is_ours)


def chart(standings: List[Standing], title: str, unit: str) -> Html:
    """All of them on a logarithmic axis."""
    x = scale.logarithmic([end for one in standings for end in (one.found.low, one.found.high)], 10, axes.WIDTH - 10)
    low, middle, high = quartiles([one.found.value for one in standings])
    parts = [tag("rect", x=f"{x.at(low):g}", y=f"{MIDDLE - 9}", width=f"{max(1, x.at(high) - x.at(low)):g}", height="18",
                 class_="half"),
             axes.line(x.at(middle), MIDDLE - 12, x.at(middle), MIDDLE + 12, "middle"),
             axes.line(x.start, MIDDLE, x.end, MIDDLE, "axis")]
    for one in sorted(standings, key=lambda one: one.is_ours):
        kind, words = ("ours" if one.is_ours else "other"), f"{one.name}: {axes.told(one.found, number_format.figure)}"
        if one.is_ours:
            parts += [axes.whisker(x, MIDDLE, one.found, kind),
                      _flag(x.at(one.found.value), f"{number_format.figure(one.found.value)} {unit}")]
        parts.append(axes.mark("diamond" if one.is_ours else "ring", x.at(one.found.value), MIDDLE, kind,
                               5.5 if one.is_ours else 4, words))
    if not any(one.is_ours for one in standings):
        parts += _ends(x, standings)
    parts += [axes.line(x.at(value), MIDDLE + 12, x.at(value), MIDDLE + 16, "axis") for value in x.ticks]
    parts += [axes.label(x.at(value), MIDDLE + 28, x.show(value), "tick", _anchor(x, value)) for value in axes.apart(x)]
    words = "; ".join(f"{one.name}: {axes.told(one.found, number_format.figure)}" for one in sorted(
        standings, key=lambda one: one.found.value))
    return axes.svg(axes.WIDTH, HEIGHT, title,
                    f"{words}. The shaded half lies between {number_format.figure(low)} and {number_format.figure(high)} {unit}",
                    parts)


def _ends(x: scale.Scale, standings: List[Standing]) -> List[Html]:
    """The names of the least and of the most, where they find room beside each other."""
    ranked = sorted(standings, key=lambda one: one.found.value)
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


def shared(found: List[Interval], is_log: bool = True, width: float = SPARK_WIDTH,
           show: Callable = number_format.figure) -> scale.Scale | None:
    """One scale for the sparks of a column; None where there is nothing to draw."""
    ends = [end for one in found for end in (one.low, one.high)]
    if not ends:
        return None
    if is_log:
        return scale.logarithmic(ends, SPARK_EDGE, width - SPARK_EDGE, show)
    return scale.linear(ends, SPARK_EDGE, width - SPARK_EDGE, 4, low=None, show=show)


def ruler(x: scale.Scale | None) -> Html:
    """The scale of a column of sparks, for its head."""
    if x is None:
        return EMPTY
    parts = [axes.line(x.at(value), 13, x.at(value), 17, "axis") for value in x.ticks]
    parts += [axes.label(x.at(value), 9, x.show(value), "tick", _anchor(x, value)) for value in _ends_of(x)]
    return tag("svg", parts, class_="spark chart", viewBox=f"0 0 {x.end + SPARK_EDGE:g} 18",
               width=f"{x.end + SPARK_EDGE:g}", height="18", aria_hidden="true")


def _ends_of(x: scale.Scale) -> list:
    """The first and the last round value, where both find room."""
    first, last = x.ticks[0], x.ticks[-1]
    if (len(x.show(first)) + len(x.show(last)) + 2) * axes.CHARACTER > x.at(last) - x.at(first) + 24:
        return [last]
    return [first, last]


def spark(x: scale.Scale, found: Interval, class_: str = "ours", at: float | None = None) -> Html:
    """A figure and its interval in a table's row, on the column's scale; `at` is a value to hold it against."""
    middle = SPARK_HEIGHT / 2
    parts = [axes.line(x.start, middle, x.end, middle, "grid")]
    if at is not None:
        parts.append(axes.line(x.at(at), 1, x.at(at), SPARK_HEIGHT - 1, "middle"))
    parts += [axes.whisker(x, middle, found, class_), axes.mark("circle", x.at(found.value), middle, class_, 3.4)]
    width = x.end + SPARK_EDGE
    return tag("svg", parts, class_="spark", viewBox=f"0 0 {width:g} {SPARK_HEIGHT}", width=f"{width:g}",
               height=SPARK_HEIGHT, aria_hidden="true")
