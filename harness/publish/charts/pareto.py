"""Pareto chart: quality against speed. No point that may be compared is both faster and better than one on the frontier."""
from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Callable, List

from publish import number_format
from publish.charts import axes, scale
from publish.charts.axes import Interval
from publish.escape import Html
from publish.markup import tag

HEIGHT = 300
LINE = 13               # of a label's height
MOST_LABELS = 14
MOST_CHARACTERS = 30    # of a label
DENSE = 24              # points from which on only the frontier has its intervals drawn, and the others are small


@dataclass(frozen=True)
class Point:
    name: str
    speed: Interval         # or a time
    quality: Interval       # shares
    caveat: str = ""        # why it is not to be compared with the others


def frontier(points: List[Point], is_time: bool = False) -> List[Point]:
    """Points that no other beats in both speed and quality, fastest first; those with a caveat only where all have one."""
    best, result, sign = -1.0, [], 1 if is_time else -1
    eligible = [point for point in points if not point.caveat] or points
    for point in sorted(eligible, key=lambda point: (sign * point.speed.value, -point.quality.value, point.name)):
        if point.quality.value > best:
            best = point.quality.value
            result.append(point)
    return result


def chart(points: List[Point], title: str, speed_title: str, quality_title: str, is_time: bool = False) -> Html:
    """Speed, or a time, on a logarithmic x axis, quality on y; a stepped line joins the frontier."""
    show = number_format.milliseconds if is_time else number_format.figure
    x = scale.logarithmic([end for point in points for end in (point.speed.low, point.speed.high)],
                          axes.LEFT, axes.WIDTH - axes.RIGHT, show)
    y = scale.linear([0.0, 1.0], HEIGHT - axes.BOTTOM, axes.TOP, 6, show=number_format.percent)
    ahead = frontier(points, is_time)
    names = {id(point) for point in ahead}
    labels = _Labels(x, y, points, ahead)
    drawn = [_point(x, y, point, id(point) in names, show, len(points) >= DENSE) for point in sorted(points, key=lambda point: id(point) in names)]
    words = "; ".join(_describe(point, show) + (", on the line" if id(point) in names else "") for point in points)
    return axes.svg(axes.WIDTH, HEIGHT, title, words, axes.frame(x, y, speed_title, quality_title), _stairs(x, y, ahead, is_time),
                    drawn, labels.drawn())


def _describe(point: Point, show: Callable[[float], str]) -> str:
    caveat = f", {point.caveat}" if point.caveat else ""
    return f"{point.name}: {axes.describe(point.speed, show)}, {axes.describe(point.quality, number_format.percent)}{caveat}"


def _point(x: scale.Scale, y: scale.Scale, point: Point, is_ahead: bool, show: Callable[[float], str], is_dense: bool) -> Html:
    at_x, at_y, kind = x.at(point.speed.value), y.at(point.quality.value), "ahead" if is_ahead else "behind"
    look = f"{kind} lone" if point.speed.is_lone or point.caveat else kind
    if is_dense and not is_ahead:
        return axes.mark("circle", at_x, at_y, kind, 2.4, _describe(point, show))
    return tag("g", axes.whisker(x, at_y, point.speed, kind), axes.vertical_whisker(at_x, y, point.quality, kind),
               axes.mark("circle" if is_ahead else "diamond", at_x, at_y, look, 4.6, _describe(point, show)))


def _stairs(x: scale.Scale, y: scale.Scale, ahead: List[Point], is_time: bool) -> Html | None:
    """A stepped line: at each speed the best quality available."""
    if not ahead:
        return None
    first = ahead[0]
    path = f"M{x.at(first.speed.value):g} {y.start:g}"
    for point in ahead:
        path += f"V{y.at(point.quality.value):g}"
        following = ahead[ahead.index(point) + 1:]
        path += f"H{x.at(following[0].speed.value) if following else x.end if is_time else x.start:g}"
    return tag("path", d=path, class_="stairs")


class _Labels:
    """Labels beside their points, each at the first free position; a point without one has no label."""

    def __init__(self, x: scale.Scale, y: scale.Scale, points: List[Point], ahead: List[Point]):
        self.x, self.y, self.ahead = x, y, {id(point) for point in ahead}
        is_dense = len(points) >= DENSE
        self.taken = [(at_x - 5, at_y - 5, at_x + 5, at_y + 5) for point in (ahead if is_dense else points)
                      for at_x, at_y in [(x.at(point.speed.value), y.at(point.quality.value))]]
        self.wanted = ahead + [point for point in points if id(point) not in self.ahead and not is_dense]

    def drawn(self) -> List[Html]:
        return [label for point in self.wanted[:MOST_LABELS] for label in [self._place(point)] if label is not None]

    def _place(self, point: Point) -> Html | None:
        at_x, at_y = self.x.at(point.speed.value), self.y.at(point.quality.value)
        words = point.name if len(point.name) <= MOST_CHARACTERS else point.name[:MOST_CHARACTERS - 1] + "\u2026"
        width = (len(words) + 1) * axes.CHARACTER * 0.92
        for bottom, left in itertools.product((at_y - 4, at_y + 13, at_y - 16, at_y + 25), (at_x + 8, at_x - 8 - width)):
            box = left, bottom - LINE, left + width, bottom
            if self._is_free(box):
                self.taken.append(box)
                return axes.label(left, bottom - 3, words, "label" if id(point) in self.ahead else "label soft")
        return None

    def _is_free(self, box: tuple) -> bool:
        left, top, right, bottom = box
        is_inside = (left >= self.x.start and right <= self.x.end + axes.RIGHT - 2 and top >= self.y.end - 8
                     and bottom <= self.y.start)
        return is_inside and all(box[0] >= other[2] or box[2] <= other[0] or box[1] >= other[3] or box[3] <= other[1]
                                 for other in self.taken)
